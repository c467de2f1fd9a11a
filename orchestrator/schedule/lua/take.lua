-- take(KEYS: due; ARGV: limit, lease_ms, ttl_ms)
--
--   due       sorted set of watch ids, scored by the instant at which to look at each (ms)
--   limit     how many are taken at most
--   lease_ms  after which a member that was not put elsewhere is given out again (ms)
--   ttl_ms    how long the set is remembered after its last use (ms)
--
-- Returns the ids that were due, longest due first.
-- Keeps: one scheduler gets a member, and no other one before the lease is over. A
-- scheduler that dies loses nothing: what it took becomes due again.
local due = KEYS[1]
local limit, lease_ms, ttl_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local taken = redis.call('ZRANGE', due, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, limit)
for _, member in ipairs(taken) do
  redis.call('ZADD', due, 'XX', now_ms + lease_ms, member)
end
redis.call('PEXPIRE', due, ttl_ms)
return taken
