-- put(KEYS: entry, fence, closed; ARGV: value, ttl_ms, version or '')
--
--   version        that the value says it has, empty where it says none
--
-- Returns 1 if it is stored, 0 if a write is under way, or the version is not known to be the latest.
--
-- Keeps: a value with a version is as good as one that `fill` has stored. Nothing is stored while a
-- key is closed, so that then there is no entry to be read, by a plain GET either.
local entry, fence, closed = KEYS[1], KEYS[2], KEYS[3]
local value, ttl_ms, version = ARGV[1], ARGV[2], ARGV[3]

if redis.call('EXISTS', closed) == 1 then
  return 0
end
if version ~= '' and redis.call('HGET', fence, 'version') ~= version then
  return 0
end
redis.call('SET', entry, value, 'PX', ttl_ms)
return 1
