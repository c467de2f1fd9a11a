-- take(KEYS: root; ARGV: ttl_ms, lane, token, lease_ms)
--     -> {job_id, chunk, losses, more, failures, record, items, first} or nothing
--
--   losses    how often a worker was lost that had this chunk
--   more      1 if there is further work in the lane
--   failures  how often the work on this chunk has failed outside its items
--   record    the job's record, names and values in turn
--   items     what is stored of the chunk's items; false if they have expired, '' if it is no text
--   first     1 if no worker has had the chunk before
--
-- Gives the caller the next chunk of the lane: of the tenant whose turn it is, of its oldest
-- job; chunks that were handed back come first, in order, then those that no worker ever had.
-- Keeps: one worker a chunk. Before that, chunks of lost workers are handed back. A job that cannot
-- be read is set aside, and the next one is looked at.
-- Bounded: of lost workers' chunks and of jobs that are gone, a hundred a call.
local lane, token, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
local AT_MOST = 100
local held, tenants = lane_key(lane, 'held'), lane_key(lane, 'tenants')
local unreadable = ROOT .. 'unreadable'

-- Whether the keys of the lane, and the one of a tenant's jobs, are what they should be.
local function is_lane_sound(jobs)
  for key, kind in pairs({[held] = 'zset', [tenants] = 'zset', [jobs] = 'zset',
      [lane_key(lane, 'backlog')] = 'hash', [lane_key(lane, 'waiting')] = 'zset',
      [unreadable] = 'zset', [ROOT .. 'active'] = 'zset'}) do
    local found = redis.call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then
      return false
    end
  end
  return true
end

-- Does a step of one job. Where that is damaged, it is set aside, and nothing is returned.
local function guarded(job_id, jobs, step, ...)
  local ok, result = pcall(step, ...)
  if ok then
    return result
  end
  if not (is_damage(result) and is_lane_sound(jobs)) then
    error(result, 0)
  end
  set_aside(job_id)
  return nil
end

-- The chunk lease decides; `held` only says when to look at it.
local function look_after(job_id, chunk, member)
  local left_ms = redis.call('PTTL', job_key(job_id, 'claim:' .. chunk))
  if left_ms > 0 then
    redis.call('ZADD', held, NOW_MS + left_ms, member)
    return
  end
  redis.call('ZREM', held, member)
  local at = redis.call('HMGET', job_key(job_id), 'state', 'finished_at_ms')
  if not at[1] or at[2] then
    return
  end
  -- Not among the job's held ones: it was handed back to rest for a while.
  if redis.call('SREM', job_key(job_id, 'held'), chunk) == 1 then
    redis.call('HINCRBY', job_key(job_id, 'losses'), chunk, 1)
    keep(job_key(job_id, 'losses'))
    note(job_id, 'worker_lost ' .. chunk)
  end
  give_back(job_id, chunk, at[1])
  settle(job_id)
end

local function next_chunk(job_id, at)
  -- Few: no more than workers had in hand.
  local returned = redis.call('SMEMBERS', job_key(job_id, 'returned'))
  table.sort(returned, function(one, other) return tonumber(one) < tonumber(other) end)
  if returned[1] then
    redis.call('SREM', job_key(job_id, 'returned'), returned[1])
    return returned[1], 0
  end
  local next = tonumber(at[2])
  if next < tonumber(at[3]) then
    redis.call('HINCRBY', job_key(job_id), 'next', 1)
    return string.format('%d', next), at[4] and 0 or 1
  end
  return nil
end

local function lease(job_id, chunk, state)
  redis.call('SET', job_key(job_id, 'claim:' .. chunk), token, 'PX', lease_ms)
  redis.call('SADD', job_key(job_id, 'held'), chunk)
  keep(job_key(job_id, 'held'))
  redis.call('ZADD', held, NOW_MS + lease_ms, job_id .. ':' .. chunk)
  keep(held)
  if state == 'accepted' then
    redis.call('HSET', job_key(job_id), 'state', 'running', 'started_at_ms', NOW_MS)
    note(job_id, 'started')
  end
end

-- Takes the next chunk of a job, and returns the caller's answer.
local function take_from(job_id, tenant, jobs)
  local at = redis.call('HMGET', job_key(job_id), 'state', 'next', 'chunks', 'rescans')
  if not (at[1] and is_workable(at[1])) then
    return nil
  end
  local chunk, first = next_chunk(job_id, at)
  if not chunk then
    return nil
  end
  local items = redis.pcall('GET', job_key(job_id, 'items:' .. chunk))
  if type(items) == 'table' then
    items = ''
  end
  lease(job_id, chunk, at[1])
  recount(job_id)
  redis.call('ZADD', tenants, NOW_US, tenant)
  keep(tenants)
  keep(jobs)
  local losses = redis.call('HMGET', job_key(job_id, 'losses'), chunk, 'f:' .. chunk)
  local more = redis.call('ZCARD', tenants) > 1 or redis.call('ZCARD', jobs) > 1
    or tonumber(redis.call('HGET', job_key(job_id), 'next')) < tonumber(at[3])
    or redis.call('SCARD', job_key(job_id, 'returned')) > 0
  return {job_id, tonumber(chunk), tonumber(losses[1] or 0), more and 1 or 0,
    tonumber(losses[2] or 0), redis.call('HGETALL', job_key(job_id)), items, first}
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', held, '-inf', NOW_MS, 'LIMIT', 0, AT_MOST)) do
  local job_id, chunk = string.match(member, '^(.*):(%d+)$')
  if not job_id or redis.call('ZSCORE', unreadable, job_id) then
    redis.call('ZREM', held, member)
  else
    guarded(job_id, held, look_after, job_id, chunk, member)
  end
end

for _ = 1, AT_MOST do
  local tenant = redis.call('ZRANGE', tenants, 0, 0)[1]
  if not tenant then
    return nil
  end
  local jobs = lane_key(lane, 'jobs:' .. tenant)
  local job_id = redis.call('ZRANGE', jobs, 0, 0)[1]
  if not job_id then
    redis.call('ZREM', tenants, tenant)
  else
    local taken = not redis.call('ZSCORE', unreadable, job_id)
      and guarded(job_id, jobs, take_from, job_id, tenant, jobs)
    if taken then
      return taken
    end
    redis.call('ZREM', jobs, job_id)
    count_waiting(lane, job_id, 0)
  end
end
return nil
