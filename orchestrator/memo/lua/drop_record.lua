-- drop_record(KEYS: record, failure; ARGV: text) -> 1 dropped, 0 it says something else or is gone
--
--   failure  what lookups are told because of the record, goes with it (optional)
--   text     that the record must contain: its writer's token, or all of it
--
-- Keeps: a successor's record is left alone; by all of it, one of an earlier stage as well, which
-- is there again after a failover to a replica that lagged.
local record, text = KEYS[1], ARGV[1]

local current = redis.call('GET', record)
if current and string.find(current, text, 1, true) then
  if KEYS[2] then
    redis.call('DEL', KEYS[2])
  end
  return redis.call('DEL', record)
end
return 0
