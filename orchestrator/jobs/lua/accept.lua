-- accept(KEYS: root; ARGV: ttl_ms, job_id, digest, key, key_ttl_ms, chunks, field, value, ...)
--
--   digest      identity of the work   chunks  how many it has; their items are stored already
--   key         name of the caller's idempotency key, '' without one
--   key_ttl_ms  how long it leads to its job
--
-- Returns the id of the job: the caller's, or that of the unfinished one that asks for the
-- same, or whatever the key leads to; '' if the key was used for other work.
-- Keeps: one unfinished job for equal work, one job for a key. After this call the job exists
-- as a whole; before it, not at all. A job without work is done at once.
local job_id, digest, key, key_ttl_ms = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local chunks = tonumber(ARGV[6])
local pointer = ROOT .. 'same:' .. digest

local function remember(accepted)
  if key ~= '' then
    redis.call('SET', ROOT .. 'key:' .. key, digest .. ' ' .. accepted, 'PX', key_ttl_ms)
  end
  return accepted
end

if key ~= '' then
  local known = redis.call('GET', ROOT .. 'key:' .. key)
  if known then
    local before, first = string.match(known, '^(%S+) (%S+)$')
    if before ~= digest then
      return ''
    end
    if redis.call('EXISTS', job_key(first)) == 1 then
      return first
    end
  end
end

local same = redis.call('GET', pointer)
if same then
  local state = redis.call('HGET', job_key(same), 'state')
  if state and (is_workable(state) or state == 'paused') then
    return remember(same)
  end
end

local record, active, all = job_key(job_id), ROOT .. 'active', ROOT .. 'all'
redis.call('HSET', record, 'state', 'accepted', 'accepted_at_ms', NOW_MS, 'next', 0,
  unpack(ARGV, 7))
keep(record)
redis.call('ZADD', all, NOW_MS, job_id)
redis.call('ZREMRANGEBYSCORE', all, '-inf', NOW_MS - TTL_MS)
keep(all)
note(job_id, 'accepted')
if chunks == 0 then
  finish_job(job_id, 'done')
  return remember(job_id)
end
redis.call('ZADD', active, NOW_MS, job_id)
redis.call('ZREMRANGEBYSCORE', active, '-inf', NOW_MS - TTL_MS)
keep(active)
redis.call('SET', pointer, job_id, 'PX', TTL_MS)
enqueue(job_id)
return remember(job_id)
