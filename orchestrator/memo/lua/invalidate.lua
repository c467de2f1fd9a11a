-- invalidate(KEYS: entry, generation, failure, failures, stale; ARGV: generation_ttl_ms)
--
-- Returns 1 if an entry was removed, else 0.
-- Keeps: no flight that began before this call can write any more. The generation must
-- outlive every flight; generation_ttl_ms says for how long (ms).
local entry, generation, failure, failures, stale = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

redis.call('INCR', generation)
redis.call('PEXPIRE', generation, tonumber(ARGV[1]))
redis.call('UNLINK', failure, failures, stale)
return redis.call('UNLINK', entry)
