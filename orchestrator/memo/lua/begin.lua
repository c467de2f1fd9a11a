-- begin(KEYS: entry, lease, generation, record, failure; ARGV: token, lease_ms, unwanted)
--
--   entry       the answer, if one is stored (string, expires by itself)
--   lease       token of the running leader (string, PX)
--   generation  number of invalidations (integer, PX)
--   record        what a leader left for its successor (string, PX)
--   failure     the last leader's failure (string, PX)
--   token       the caller's flight (string)   lease_ms  how long a lease lives unrenewed (ms)
--   unwanted    writer of an entry that is not enough for the caller, or '': it counts as none
--
-- Returns one of
--   {'entry', stored, now_ms}
--   {'failure', failure as JSON, now_ms, ms until the next try}
--   {'follower', ms until the lease expires, now_ms, the leader's token}
--   {'leader', generation, now_ms, record or false}
--
-- Keeps: at most one token holds the lease. Calling again with the same token, as a client
-- does whose reply was lost, answers 'leader' again.
local entry, lease, generation, record, failure = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, lease_ms = ARGV[1], tonumber(ARGV[2])

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local unwanted = ARGV[3] or ''
local stored = redis.call('GET', entry)
if stored and (unwanted == '' or not string.find(string.sub(stored, 1, 200), unwanted, 1, true)) then
  return {'entry', stored, now_ms}
end

local failed = redis.call('GET', failure)
if failed then
  return {'failure', failed, now_ms, math.max(redis.call('PTTL', failure), 1)}
end

local holder = redis.call('GET', lease)
if holder and holder ~= token then
  return {'follower', math.max(redis.call('PTTL', lease), 1), now_ms, holder}
end

redis.call('SET', lease, token, 'PX', lease_ms)
return {'leader', tonumber(redis.call('GET', generation) or '0'), now_ms, redis.call('GET', record)}
