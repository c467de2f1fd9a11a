-- release(KEYS: account, holds, account, holds, ...; ARGV: hold_id, held_micros)
--
-- Returns how many accounts held the reservation.
-- Keeps: a reservation is given back once, however often it is released.
local member, released = ARGV[1] .. ' ' .. ARGV[2], 0

for i = 1, #KEYS, 2 do
  if redis.call('ZREM', KEYS[i + 1], member) == 1 then
    redis.call('HINCRBY', KEYS[i], 'held', -tonumber(ARGV[2]))
    released = released + 1
  end
end
return released
