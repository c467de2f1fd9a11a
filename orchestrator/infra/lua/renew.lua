-- renew(KEYS: lease; ARGV: token, lease_ms) -> 1 if the caller still leads, else 0
--
-- Keeps: only the holder extends a lease; an expired one is not revived, and one that was extended
-- for longer is not shortened.
local lease = KEYS[1]
local token, lease_ms = ARGV[1], tonumber(ARGV[2])

if redis.call('GET', lease) == token then
  if redis.call('PTTL', lease) < lease_ms then
    redis.call('PEXPIRE', lease, lease_ms)
  end
  return 1
end
return 0
