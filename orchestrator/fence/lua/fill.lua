-- fill(KEYS: entry, fence; ARGV: generation, version, value, ttl_ms, fence_ttl_ms)
--
--   generation     what the reader was given before it asked the database
--   version        of the row that it has read
--
-- Returns 'stored' | 'raised' (a write has begun or ended meanwhile, or the fence was lost) |
-- 'older' (a newer version is known).
--
-- Keeps: nothing is stored that was read before a write has begun or ended. While a key is closed
-- no reader is given a generation, and the earlier ones are void: so nothing is stored then, either.
local entry, fence = KEYS[1], KEYS[2]
local generation, version, value = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local known = redis.call('HMGET', fence, 'generation', 'version')
if known[1] ~= generation then
  return 'raised'
end
if known[2] and tonumber(known[2]) > version then
  return 'older'
end
redis.call('SET', entry, value, 'PX', ARGV[4])
redis.call('HSET', fence, 'version', ARGV[2])
redis.call('PEXPIRE', fence, ARGV[5])
return 'stored'
