-- invalidate(KEYS: entry, generation, failure; ARGV: generation_ttl_ms)
--
-- Returns 1 if an entry was removed, else 0.
-- Keeps: no flight that began before this call can write any more. The generation must
-- outlive every flight; generation_ttl_ms says for how long (ms).
local entry, generation, failure = KEYS[1], KEYS[2], KEYS[3]

redis.call('INCR', generation)
redis.call('PEXPIRE', generation, tonumber(ARGV[1]))
redis.call('UNLINK', failure)
return redis.call('UNLINK', entry)
