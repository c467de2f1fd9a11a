-- report(KEYS: record, results; ARGV: number, result, ttl_ms, field, amount, field, amount, ...)
--
--   number  the item's number in the job   result  JSON text
--   field, amount  what the result adds to the job's tally
--
-- Returns 1 if the item was open, 0 if it had a result already or the job has expired (then
-- nothing changes).
-- Keeps: an item is counted once, however often it runs.
local record, results = KEYS[1], KEYS[2]

if redis.call('EXISTS', record) == 0 or redis.call('HSETNX', results, ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('PEXPIRE', results, ARGV[3])
for i = 4, #ARGV, 2 do
  redis.call('HINCRBY', record, ARGV[i], ARGV[i + 1])
end
return 1
