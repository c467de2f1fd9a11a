-- drop_note(KEYS: note; ARGV: token) -> 1 dropped, 0 it is somebody else's or gone
--
--   token  of the flight that wrote the note
--
-- Keeps: a successor's note is left alone.
local note, token = KEYS[1], ARGV[1]

local current = redis.call('GET', note)
if current and string.find(current, token, 1, true) then
  return redis.call('DEL', note)
end
return 0
