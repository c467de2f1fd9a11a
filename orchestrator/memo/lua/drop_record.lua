-- drop_record(KEYS: record, recorded, failure; ARGV: text, member) -> 1 dropped, 0 it says something
-- else or is gone
--
--   recorded  lists the records there are, this one as member
--   failure   what lookups are told because of the record, goes with it (optional)
--   text      that the record must contain: its writer's token, or all of it
--
-- Keeps: a successor's record is left alone; by all of it, one of an earlier stage as well, which
-- is there again after a failover to a replica that lagged.
local record, recorded, failure = KEYS[1], KEYS[2], KEYS[3]
local text, member = ARGV[1], ARGV[2]

local current = redis.call('GET', record)
if current and string.find(current, text, 1, true) then
  redis.call('ZREM', recorded, member)
  if failure then
    redis.call('DEL', failure)
  end
  return redis.call('DEL', record)
end
return 0
