-- read(KEYS: entry, fence, closed; ARGV: generation, fence_ttl_ms)
--
--   generation     what the fence gets where it has none: never used before
--   fence_ttl_ms   how long the fence lives without being touched
--
-- Returns {'closed'} | {'entry', generation, version, ttl_ms, value} | {'miss', generation}.
--
-- Keeps: an entry counts only beside a fence with a version, so that what was left over when the
-- fence was lost is never served. A miss always has a generation, which a later fill has to name.
local entry, fence, closed = KEYS[1], KEYS[2], KEYS[3]

if redis.call('EXISTS', closed) == 1 then
  return {'closed'}
end
local known = redis.call('HMGET', fence, 'generation', 'version')
local generation, version = known[1], known[2]
if not generation then
  redis.call('HSET', fence, 'generation', ARGV[1])
  redis.call('PEXPIRE', fence, ARGV[2])
  return {'miss', ARGV[1]}
end
local value = version and redis.call('GET', entry)
if value then
  return {'entry', generation, version, redis.call('PTTL', entry), value}
end
return {'miss', generation}
