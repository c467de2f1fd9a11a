-- claim(KEYS: open, claim; ARGV: chunk, token, lease_ms) -> 1 claimed, 0 finished or held
--
-- Keeps: one worker a chunk; a finished chunk is never claimed. A doorbell that rings twice,
-- or too late, is answered 0 and does nothing.
local open, claim = KEYS[1], KEYS[2]
local chunk, token, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

if redis.call('SISMEMBER', open, chunk) == 0 then
  return 0
end
if redis.call('SET', claim, token, 'NX', 'PX', lease_ms) then
  return 1
end
return redis.call('GET', claim) == token and 1 or 0
