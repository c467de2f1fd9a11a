-- note(KEYS: lease, note; ARGV: token, body, ttl_ms) -> 1 written, 0 another leader took over
--
--   body  JSON text that contains the token: the note's owner is found by it
--
-- Keeps: the holder of the lease may always write. A leader whose lease ran out may still
-- add to its own note (the number of a payment that was accepted must not get lost), but
-- never replaces the note of a successor, and never writes a first note unleased.
local lease, note = KEYS[1], KEYS[2]
local token, body, ttl_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

local holder = redis.call('GET', lease)
local current = redis.call('GET', note)
local owns_note = current and string.find(current, token, 1, true)

if holder == token or (not holder and owns_note) then
  redis.call('SET', note, body, 'PX', ttl_ms)
  return 1
end
return 0
