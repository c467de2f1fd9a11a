-- job(KEYS: root; ARGV: ttl_ms, ...) -> nothing: what all scripts of jobs begin with
--
--   root    what all keys of jobs begin with   ttl_ms  how long a job is remembered
--
-- Names of keys, and the steps that several scripts share.
-- Keeps: every key that a step writes expires; a job ends once.
-- Keys are built here as in keys.py (a test holds the two against each other): a script that
-- looks for the next job does not know beforehand which keys it will touch.
local ROOT, TTL_MS = KEYS[1], tonumber(ARGV[1])
local TIME = redis.call('TIME')
local NOW_US = tonumber(TIME[1]) * 1000000 + tonumber(TIME[2])
local NOW_MS = math.floor(NOW_US / 1000)
-- Events of a job that are kept; the oldest go.
local TIMELINE = 50
-- Passes over a job whose results are incomplete: chunks whose items have expired have none.
local RESCANS = 2

local function job_key(job_id, part)
  return ROOT .. job_id .. (part and ':' .. part or '')
end

local function lane_key(lane, part)
  return ROOT .. 'lane:' .. lane .. ':' .. part
end

local function keep(key)
  redis.call('PEXPIRE', key, TTL_MS)
end

-- Unfinished, and may begin items.
local function is_workable(state)
  return state == 'accepted' or state == 'running'
end

-- Whether a step failed because of what something else has written under a key of ours: a value of
-- another type, or one that is no number. A server that is full or read-only is no damage.
local function is_damage(problem)
  local text = type(problem) == 'table' and problem.err or tostring(problem)
  for _, sign in ipairs({'WRONGTYPE', 'attempt to', 'not an integer', 'not a valid', 'out of range',
      'overflow', 'bad argument'}) do
    if string.find(text, sign, 1, true) then
      return true
    end
  end
  return false
end

-- Returns what *key* holds as text; nothing, and drops it, where that is another type.
local function text_of(key)
  local found = redis.pcall('GET', key)
  if type(found) == 'table' then
    redis.call('DEL', key)
    return nil
  end
  return found
end

-- Returns the record of an idempotency key, the digest in it and what it leads to: a job, '-' for a
-- request without one, or '?' and a token while it is in flight. Anything else is no record.
local function request_of(name)
  local known = text_of(ROOT .. 'key:' .. name)
  local digest, leads_to = string.match(known or '', '^(%S+) (%??[%x-]+)')
  if leads_to and (leads_to == '-' or #leads_to >= 32) then
    return known, digest, leads_to
  end
end

local function note(job_id, event)
  local timeline = job_key(job_id, 'timeline')
  if type(redis.pcall('LLEN', timeline)) == 'table' then
    redis.call('DEL', timeline)
  end
  redis.call('RPUSH', timeline, string.format('%.0f %s', NOW_MS, event))
  redis.call('LTRIM', timeline, -TIMELINE, -1)
  keep(timeline)
end

-- What waits in a lane is counted where it changes, so that reading it is cheap: `backlog` has the
-- chunks of each job that no worker holds and, under 'chunks', of all; `waiting` those jobs by
-- acceptance. It is for metrics alone.
local function count_waiting(lane, job_id, chunks, accepted_at_ms)
  local backlog, waiting = lane_key(lane, 'backlog'), lane_key(lane, 'waiting')
  local before = tonumber(redis.call('HGET', backlog, job_id) or 0)
  if chunks > 0 then
    redis.call('HSET', backlog, job_id, chunks)
    redis.call('ZADD', waiting, accepted_at_ms, job_id)
    keep(waiting)
  else
    redis.call('HDEL', backlog, job_id)
    redis.call('ZREM', waiting, job_id)
  end
  if redis.call('HINCRBY', backlog, 'chunks', chunks - before) == 0 then
    redis.call('DEL', backlog)
  else
    keep(backlog)
  end
end

-- Counts what of the job waits as it is now; nothing while its items may not begin.
local function recount(job_id)
  local at = redis.call('HMGET', job_key(job_id), 'lane', 'state', 'next', 'chunks',
    'accepted_at_ms')
  local chunks = 0
  if is_workable(at[2]) then
    chunks = tonumber(at[4]) - tonumber(at[3]) + redis.call('SCARD', job_key(job_id, 'returned'))
  end
  count_waiting(at[1], job_id, chunks, at[5])
end

-- Keeps a job whose record cannot be read from being worked on; `take` drops it from its lane. `emasai doctor` names it, `emasai jobs cancel` removes it.
local function set_aside(job_id)
  local unreadable = ROOT .. 'unreadable'
  redis.call('ZADD', unreadable, 'NX', NOW_MS, job_id)
  keep(unreadable)
  redis.call('ZREM', ROOT .. 'active', job_id)
end

-- Queues the job in its lane: tenants take turns, within one the oldest job is first.
-- A tenant that was not queued comes last.
local function enqueue(job_id)
  local at = redis.call('HMGET', job_key(job_id), 'lane', 'tenant', 'accepted_at_ms')
  local jobs, tenants = lane_key(at[1], 'jobs:' .. at[2]), lane_key(at[1], 'tenants')
  redis.call('ZADD', jobs, at[3], job_id)
  redis.call('ZADD', tenants, 'NX', NOW_US, at[2])
  keep(jobs)
  keep(tenants)
  recount(job_id)
end

-- The tenant stays queued; `take` drops it when it has no work.
local function dequeue(job_id)
  local at = redis.call('HMGET', job_key(job_id), 'lane', 'tenant')
  redis.call('ZREM', lane_key(at[1], 'jobs:' .. at[2]), job_id)
  count_waiting(at[1], job_id, 0)
end

-- Has a chunk taken again that no worker works on, unless it is finished: the worker that was
-- taken for lost may have finished it.
local function give_back(job_id, chunk, state)
  if redis.call('GETBIT', job_key(job_id, 'finished'), chunk) == 1 then
    return
  end
  local returned = job_key(job_id, 'returned')
  redis.call('SADD', returned, chunk)
  keep(returned)
  if is_workable(state) then
    enqueue(job_id)
  end
end

local function finish_job(job_id, state)
  dequeue(job_id)
  redis.call('HSET', job_key(job_id), 'state', state, 'finished_at_ms', NOW_MS)
  redis.call('ZREM', ROOT .. 'active', job_id)
  redis.call('DEL', job_key(job_id, 'returned'), job_key(job_id, 'held'),
    job_key(job_id, 'losses'), job_key(job_id, 'begun'))
  note(job_id, state)
end

-- Has all chunks of a job worked on once more, where results are missing although every chunk is
-- finished: they were lost in a failover, after they were acknowledged. Items
-- that have a result are not worked on again. Returns whether that is so.
local function rescan(job_id, state, items)
  -- A user with the ACL rules of an earlier version may not ask: then the job ends.
  local found = redis.pcall('HLEN', job_key(job_id, 'results'))
  if type(found) == 'table' or found >= items
      or redis.call('HINCRBY', job_key(job_id), 'rescans', 1) > RESCANS then
    return false
  end
  redis.call('DEL', job_key(job_id, 'finished'), job_key(job_id, 'returned'))
  redis.call('HSET', job_key(job_id), 'next', 0)
  note(job_id, 'results_lost')
  if is_workable(state) then
    enqueue(job_id)
  end
  return true
end

-- Ends the job if nothing of it is left to do: all chunks finished, or cancelled and let go.
-- Returns its state.
local function settle(job_id)
  local at = redis.call('HMGET', job_key(job_id), 'state', 'chunks', 'n:failed:deadline', 'items')
  local state = at[1]
  if redis.call('BITCOUNT', job_key(job_id, 'finished')) == tonumber(at[2]) then
    if state ~= 'cancelling' and rescan(job_id, state, tonumber(at[4])) then
      return state
    end
    state = at[3] and 'expired' or 'done'
  elseif state == 'cancelling' and redis.call('SCARD', job_key(job_id, 'held')) == 0 then
    state = 'cancelled'
  end
  if state ~= at[1] then
    finish_job(job_id, state)
  end
  return state
end
