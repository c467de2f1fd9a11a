-- accept(KEYS: root; ARGV: ttl_ms, job_id, digest, key, key_ttl_ms, key_digest, claim, chunks,
--        parent, field, value, ...)
--
--   digest      identity of the work   chunks  how many it has; their items are stored already
--   key         name of the caller's idempotency key, '' without one
--   key_ttl_ms  how long it leads to its job
--   key_digest  identity of the request with that key
--   claim       the key's record while this request has it (begin_request.lua), '' without one
--   parent      the job whose dead letters this one queues again, '' for other work; which of
--               them is in the job's `letters`
--
-- Returns the id of the job: the caller's, or that of the unfinished one that asks for the
-- same, or whatever the key leads to; '' if the key was used for another request; 'busy' if
-- another request has the key; 'requeued' if another job has one of the dead letters.
-- Keeps: one unfinished job for equal work, one job for a key, one for a dead letter. After this
-- call the job exists as a whole; before it, not at all. A job without work is done at once.
local job_id, digest, key, key_ttl_ms = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local key_digest, claim = ARGV[6], ARGV[7]
local chunks, parent = tonumber(ARGV[8]), ARGV[9]
local pointer = ROOT .. 'same:' .. digest

local function remember(accepted)
  if key ~= '' then
    redis.call('SET', ROOT .. 'key:' .. key, key_digest .. ' ' .. accepted, 'PX', key_ttl_ms)
  end
  return accepted
end

-- Marks the failed items that the job takes over as queued again, unless another job has one of them.
local function take_failed_items()
  local taken, requeued = job_key(job_id, 'letters'), job_key(parent, 'requeued')
  local each = redis.call('BITCOUNT', taken) + redis.call('BITCOUNT', requeued)
  redis.call('BITOP', 'OR', taken, taken, requeued)
  if redis.call('BITCOUNT', taken) < each then
    return false
  end
  redis.call('RENAME', taken, requeued)
  keep(requeued)
  note(parent, 'requeued ' .. job_id)
  return true
end

if key ~= '' then
  local known, before, first = request_of(key)
  if known and known ~= claim then
    if string.sub(first, 1, 1) == '?' then
      return 'busy'
    end
    if before ~= key_digest then
      return ''
    end
    if redis.call('EXISTS', job_key(first)) == 1 then
      return first
    end
  end
end

local same = text_of(pointer)
if same and not redis.call('ZSCORE', ROOT .. 'unreadable', same) then
  local state = redis.pcall('HGET', job_key(same), 'state')
  if type(state) == 'string' and (is_workable(state) or state == 'paused') then
    return remember(same)
  end
end

if parent ~= '' and not take_failed_items() then
  return 'requeued'
end

local record, active, all = job_key(job_id), ROOT .. 'active', ROOT .. 'all'
redis.call('HSET', record, 'state', 'accepted', 'accepted_at_ms', NOW_MS, 'next', 0,
  unpack(ARGV, 10))
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
