-- report(KEYS: root; ARGV: ttl_ms, job_id, {number, result, failure, attempts, fields,
--        {field, amount} * fields} * items) -> {1 or 0} * items
--
--   number         the item's number in the job   result  JSON text
--   failure        why the item is a dead letter; '' if it is none
--   attempts       how often a dead letter was tried
--   field, amount  what the result adds to the job's tally
--
-- Returns for each item 1 if it was open, 0 if it had a result already or the job has ended or
-- expired (then nothing changes).
-- Keeps: an item is counted once, however often it runs.
local job_id = ARGV[2]
local record, results = job_key(job_id), job_key(job_id, 'results')
local at = redis.call('HMGET', record, 'state', 'finished_at_ms', 'accepted_at_ms')
local is_unfinished = at[1] and not at[2]

local counted, failed, added = {}, {}, {}
local i = 3
while i <= #ARGV do
  local number, failure, fields = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 4])
  local is_open = is_unfinished and redis.call('HSETNX', results, number, ARGV[i + 1]) == 1
  if is_open then
    for j = i + 5, i + 3 + 2 * fields, 2 do
      added[ARGV[j]] = (added[ARGV[j]] or 0) + tonumber(ARGV[j + 1])
    end
    if failure ~= '' then
      local field = 'n:failed:' .. failure
      added[field] = (added[field] or 0) + 1
      table.insert(failed, {tonumber(number), failure, tonumber(ARGV[i + 3])})
    end
  end
  table.insert(counted, is_open and 1 or 0)
  i = i + 5 + 2 * fields
end
if next(added) then
  keep(results)
end
for field, amount in pairs(added) do
  redis.call('HINCRBY', record, field, string.format('%.0f', amount))
end
if #failed == 0 then
  return counted
end

-- 6 bytes an item: seconds since the job was accepted, attempts; see results.py.
local seconds = math.max(0, math.floor((NOW_MS - tonumber(at[3])) / 1000))
for _, item in ipairs(failed) do
  redis.call('SETBIT', job_key(job_id, 'failed:' .. item[2]), item[1], 1)
  keep(job_key(job_id, 'failed:' .. item[2]))
  redis.call('SETRANGE', job_key(job_id, 'failed_at'), 6 * item[1],
    struct.pack('<I4I2', seconds, math.min(item[3], 65535)))
end
keep(job_key(job_id, 'failed_at'))
local failures = ROOT .. 'failures'
redis.call('ZADD', failures, NOW_MS, job_id)
redis.call('ZREMRANGEBYSCORE', failures, '-inf', NOW_MS - TTL_MS)
keep(failures)
return counted
