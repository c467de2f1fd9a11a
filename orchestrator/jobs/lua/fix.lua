-- fix(KEYS: root; ARGV: ttl_ms, job_id, ...) -> names of the keys that were set aside
--
--   job_id, ...  further jobs to index, beside those that are known to be unfinished
--
-- Sets aside every index of jobs that something else has written over, and builds it anew from the
-- records.
-- Keeps: what was set aside stays readable under `aside:` until it expires.
local LANES = {'interactive', 'pipeline', 'refresh'}
local moved = {}

local function check(name, kind)
  local found = redis.call('TYPE', ROOT .. name).ok
  if found ~= kind and found ~= 'none' then
    redis.call('RENAME', ROOT .. name, ROOT .. 'aside:' .. name)
    keep(ROOT .. 'aside:' .. name)
    table.insert(moved, name)
  end
end

for _, index in ipairs({'active', 'all', 'failures', 'unreadable'}) do
  check(index, 'zset')
end
for _, lane in ipairs(LANES) do
  check('lane:' .. lane .. ':backlog', 'hash')
  for _, part in ipairs({'held', 'tenants', 'waiting'}) do
    check('lane:' .. lane .. ':' .. part, 'zset')
  end
  for _, tenant in ipairs(redis.call('ZRANGE', lane_key(lane, 'tenants'), 0, -1)) do
    check('lane:' .. lane .. ':jobs:' .. tenant, 'zset')
  end
end

-- Puts a job where it belongs: into the indexes, the queue of its lane, and what is held there.
local function place(job_id)
  local at = redis.call('HMGET', job_key(job_id), 'state', 'lane', 'tenant', 'accepted_at_ms',
    'finished_at_ms')
  if not at[1] then
    return
  end
  redis.call('ZADD', ROOT .. 'all', 'NX', at[4], job_id)
  keep(ROOT .. 'all')
  if at[5] then
    return
  end
  redis.call('ZADD', ROOT .. 'active', 'NX', at[4], job_id)
  keep(ROOT .. 'active')
  check('lane:' .. at[2] .. ':jobs:' .. at[3], 'zset')
  for _, chunk in ipairs(redis.call('SMEMBERS', job_key(job_id, 'held'))) do
    redis.call('ZADD', lane_key(at[2], 'held'), NOW_MS, job_id .. ':' .. chunk)
    keep(lane_key(at[2], 'held'))
  end
  if is_workable(at[1]) then
    enqueue(job_id)
  end
end

local jobs = redis.call('ZRANGE', ROOT .. 'active', 0, -1)
for i = 2, #ARGV do
  table.insert(jobs, ARGV[i])
end
for _, job_id in ipairs(jobs) do
  if not redis.call('ZSCORE', ROOT .. 'unreadable', job_id) then
    local ok, problem = pcall(place, job_id)
    if not ok then
      if not is_damage(problem) then
        error(problem, 0)
      end
      set_aside(job_id)
    end
  end
end
return moved
