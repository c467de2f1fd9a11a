-- settle(KEYS: account, holds, account, holds, ...;
--        ARGV: hold_id, held_micros, actual_micros, remembered_ms, ttl_ms)
--
--   holds  as in reserve; gets "settled:<hold_id> 0", which tells a repeated call
--
-- Returns how many accounts still held the reservation.
-- Keeps: what was spent is counted once, even where the reservation had lapsed. A repeated
-- call within remembered_ms, as a client makes whose reply was lost, changes nothing.
local hold_id, held, actual = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local remembered_ms, ttl_ms = tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local member, mark = hold_id .. ' ' .. ARGV[2], 'settled:' .. hold_id .. ' 0'
local settled = 0

for i = 1, #KEYS, 2 do
  local account, holds = KEYS[i], KEYS[i + 1]
  if redis.call('ZADD', holds, 'NX', now_ms + remembered_ms, mark) == 1 then
    if redis.call('ZREM', holds, member) == 1 then
      redis.call('HINCRBY', account, 'held', -held)
      settled = settled + 1
    end
    redis.call('HINCRBY', account, 'spent', actual)
    redis.call('PEXPIRE', account, ttl_ms)
    redis.call('PEXPIRE', holds, ttl_ms)
  end
end
return settled
