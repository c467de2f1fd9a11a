-- replace(KEYS: key; ARGV: expected, value, ttl_ms) -> 1, or 0 if the key has another value
--
-- Puts `value` in the place of `expected`, for `ttl_ms`; an empty one deletes the key.
-- Keeps: what another request has written meanwhile stays.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
