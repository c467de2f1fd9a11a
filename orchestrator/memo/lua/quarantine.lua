-- quarantine(KEYS: entry, corrupt; ARGV: stored, ttl_ms) -> 1 set aside, 0 already replaced
--
--   stored  the unreadable value as the caller read it
--
-- Keeps: a readable entry that has taken its place in the meantime is left alone.
local entry, corrupt = KEYS[1], KEYS[2]
local stored, ttl_ms = ARGV[1], tonumber(ARGV[2])

if redis.call('GET', entry) ~= stored then
  return 0
end
redis.call('SET', corrupt, stored, 'PX', ttl_ms)
return redis.call('DEL', entry)
