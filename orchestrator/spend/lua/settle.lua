-- settle(KEYS: account, holds, account, holds, ...;
--        ARGV: hold_id, held_micros, actual_micros, ttl_ms)
--
-- Returns how many accounts still held the reservation.
-- Keeps: what was spent is counted even where the reservation had lapsed. The caller settles
-- a purchase once (the ledger tells it whether it is the first).
local hold_id, held, actual, ttl_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local member = hold_id .. ' ' .. ARGV[2]
local settled = 0

for i = 1, #KEYS, 2 do
  local account, holds = KEYS[i], KEYS[i + 1]
  if redis.call('ZREM', holds, member) == 1 then
    redis.call('HINCRBY', account, 'held', -held)
    settled = settled + 1
  end
  redis.call('HINCRBY', account, 'spent', actual)
  redis.call('PEXPIRE', account, ttl_ms)
end
return settled
