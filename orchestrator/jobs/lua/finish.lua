-- finish(KEYS: root; ARGV: ttl_ms, job_id, chunk, token, done, rest_ms, failed) -> the job's state, or
-- nothing
--
--   done     '1' every item of the chunk has a result; '0' the worker hands the chunk back
--   rest_ms  how long a chunk that is handed back is not to be taken
--   failed   '1' the work has failed outside the items of the chunk, which is counted
--
-- Ends a worker's lease on a chunk, also one that has lapsed while no worker took its chunk: the
-- call may have waited for a silent store.
-- Keeps: only the holder ends a lease; a job ends when no chunk is left; an expired record is not
-- restored. An orderly end resets the count of lost workers.
local job_id, chunk, token = ARGV[2], ARGV[3], ARGV[4]
local done, rest_ms = ARGV[5], tonumber(ARGV[6])
local record, lease = job_key(job_id), job_key(job_id, 'claim:' .. chunk)

local holder = redis.call('GET', lease)
local is_holder = holder == token
  or not holder and redis.call('SISMEMBER', job_key(job_id, 'held'), chunk) == 1
if is_holder then
  redis.call('DEL', lease)
end
local at = redis.call('HMGET', record, 'state', 'lane')
if not at[1] then
  return nil
end
local losses = job_key(job_id, 'losses')
local held, member = lane_key(at[2], 'held'), job_id .. ':' .. chunk
if is_holder then
  redis.call('ZREM', held, member)
  redis.call('SREM', job_key(job_id, 'held'), chunk)
  redis.call('HDEL', losses, chunk)
  if ARGV[7] ~= '1' then
    redis.call('HDEL', losses, 'f:' .. chunk)
  end
end
if redis.call('HEXISTS', record, 'finished_at_ms') == 1 then
  return at[1]
end
-- Also for a worker whose lease had lapsed: the next one may fail with the chunk, too.
if ARGV[7] == '1' then
  redis.call('HINCRBY', losses, 'f:' .. chunk, 1)
  keep(losses)
end
if done == '1' then
  redis.call('SETBIT', job_key(job_id, 'finished'), chunk, 1)
  keep(job_key(job_id, 'finished'))
  if redis.call('SREM', job_key(job_id, 'returned'), chunk) == 1 then
    recount(job_id)
  end
elseif is_holder and rest_ms > 0 then
  redis.call('ZADD', held, NOW_MS + rest_ms, member)
  keep(held)
elseif is_holder then
  give_back(job_id, chunk, at[1])
end
return settle(job_id)
