-- report(KEYS: root; ARGV: ttl_ms, job_id, number, result, failure, attempts, field, amount, ...)
--
--   number  the item's number in the job   result  JSON text
--   failure  why the item is a dead letter; '' if it is none
--   attempts  how often a dead letter was tried
--   field, amount  what the result adds to the job's tally
--
-- Returns 1 if the item was open, 0 if it had a result already or the job has ended or expired
-- (then nothing changes).
-- Keeps: an item is counted once, however often it runs.
local job_id, number, failure = ARGV[2], ARGV[3], ARGV[5]
local record, results = job_key(job_id), job_key(job_id, 'results')

local at = redis.call('HMGET', record, 'state', 'finished_at_ms', 'accepted_at_ms')
if not at[1] or at[2] or redis.call('HSETNX', results, number, ARGV[4]) == 0 then
  return 0
end
keep(results)
for i = 7, #ARGV, 2 do
  redis.call('HINCRBY', record, ARGV[i], ARGV[i + 1])
end
if failure ~= '' then
  local failed, failures = job_key(job_id, 'failed:' .. failure), ROOT .. 'failures'
  redis.call('HINCRBY', record, 'n:failed:' .. failure, 1)
  redis.call('SETBIT', failed, number, 1)
  keep(failed)
  -- 6 bytes an item: seconds since the job was accepted, attempts; see failures.py.
  local seconds = math.max(0, math.floor((NOW_MS - tonumber(at[3])) / 1000))
  local when = struct.pack('<I4I2', seconds, math.min(tonumber(ARGV[6]), 65535))
  redis.call('SETRANGE', job_key(job_id, 'failed_at'), 6 * tonumber(number), when)
  keep(job_key(job_id, 'failed_at'))
  redis.call('ZADD', failures, NOW_MS, job_id)
  redis.call('ZREMRANGEBYSCORE', failures, '-inf', NOW_MS - TTL_MS)
  keep(failures)
end
return 1
