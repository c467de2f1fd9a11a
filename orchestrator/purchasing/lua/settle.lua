-- settle(KEYS: account, holds, account, holds, ...;
--        ARGV: hold_id, held_micros, actual_micros, hold_ms, ttl_ms, is_new)
--
--   holds   as in reserve; gets "settled:<hold_id> 0", which marks a repeated call
--   is_new  '1': the ledger has just learned of it. '0': it knew already, so the process that
--           entered it may have settled here, too; an account that has no trace of it is closed
--
-- Returns {} when all is settled, else the 1-based numbers of the accounts that must be
-- opened first; then nothing was settled.
-- Keeps: what was spent is counted once, even where the reservation had lapsed. A repeated
-- call within hold_ms, as a client makes whose reply was lost, changes nothing.
local hold_id, held, actual = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local hold_ms, ttl_ms, is_new = tonumber(ARGV[4]), ARGV[5], ARGV[6] == '1'
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local member, mark = hold_id .. ' ' .. ARGV[2], 'settled:' .. hold_id .. ' 0'

local unopened = {}
for n = 1, #KEYS / 2 do
  local account, holds = KEYS[2 * n - 1], KEYS[2 * n]
  local traces = redis.call('ZMSCORE', holds, member, mark)
  if not is_new and not traces[1] and not traces[2] then
    redis.call('HDEL', account, 'spent')
  end
  if redis.call('HEXISTS', account, 'spent') == 0 then
    unopened[#unopened + 1] = n
  end
end
if #unopened > 0 then
  return unopened
end

for i = 1, #KEYS, 2 do
  local account, holds = KEYS[i], KEYS[i + 1]
  if redis.call('ZREM', holds, member) == 1 then
    redis.call('HINCRBY', account, 'held', -held)
  end
  if redis.call('ZADD', holds, 'NX', now_ms + hold_ms, mark) == 1 then
    redis.call('HINCRBY', account, 'spent', actual)
  end
  redis.call('PEXPIRE', account, ttl_ms)
  redis.call('PEXPIRE', holds, ttl_ms)
end
return {}
