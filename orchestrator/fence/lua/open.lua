-- open(KEYS: entry, fence, closed; ARGV: generation, token, version, fence_ttl_ms)
--
--   generation     never used before
--   token          of the write that has ended
--   version        that it has committed, or 0 if it changed nothing
--
-- Returns 'open' | 'closed' (another write is under way).
--
-- Keeps: what was read before the commit can not be stored any more, even where the server has lost
-- what `close` did, and no version below the committed one. May be repeated at any time.
local entry, fence, closed = KEYS[1], KEYS[2], KEYS[3]
local generation, token, version = ARGV[1], ARGV[2], tonumber(ARGV[3])

redis.call('ZREM', closed, token)
redis.call('HSET', fence, 'generation', generation)
if version > tonumber(redis.call('HGET', fence, 'version') or '0') then
  redis.call('HSET', fence, 'version', ARGV[3])
end
redis.call('PEXPIRE', fence, ARGV[4])
redis.call('UNLINK', entry)
return redis.call('EXISTS', closed) == 1 and 'closed' or 'open'
