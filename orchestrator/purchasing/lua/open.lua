-- open(KEYS: account, holds; ARGV: spent_micros, hold_ms, ttl_ms, hold_id, ...)
--
--   spent_micros  what the ledger says was spent
--   hold_id       of purchases that are part of it, and may not have been settled here yet
--
-- Returns 1 if the account begins with that, 0 if another process has opened it before.
-- Keeps: an account is opened once, and none of the purchases that its opening contains is
-- counted again by its own settlement.
local account, holds = KEYS[1], KEYS[2]
if redis.call('HSETNX', account, 'spent', ARGV[1]) == 0 then
  return 0
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSETNX', account, 'held', 0)
for n = 4, #ARGV do
  redis.call('ZADD', holds, 'NX', now_ms + tonumber(ARGV[2]), 'settled:' .. ARGV[n] .. ' 0')
end
redis.call('PEXPIRE', account, ARGV[3])
redis.call('PEXPIRE', holds, ARGV[3])
return 1
