-- record(KEYS: lease, record, recorded; ARGV: token, body, ttl_ms, lease_ms, hold_ms, amends, member)
--
--   recorded  lists the records there are, for sweepers (sorted set by time in ms, PX)
--   body      JSON text that contains its writer's token: the record's owner is found by it. Usually
--             that is the caller; a successor that amends a record leaves it to its writer
--   lease_ms  how long the lease lives from now on (ms): a leader that writes down what it is about
--             to do gets a whole lease to do it, however late its heartbeat is
--   hold_ms   how long it lives at least (ms), whether it is renewed or not: until what the record
--             announces must have ended. 0 asks for nothing beyond lease_ms, and ends an earlier hold
--   amends    '1' if it replaces the record of another writer, which has to be there, else '0'
--   member    under which the record is listed
--
-- Returns 2 if it is written and the lease renewed, 1 if it is written without a lease, 0 if
-- another leader took over, -1 if the record that it replaces was dropped: all is settled.
-- Keeps: the holder of the lease may always write. A leader whose lease ran out may still
-- add to its own record (the number of a payment that was accepted must not get lost), but
-- never replaces the record of a successor, and never writes a first record unleased.
local lease, record, recorded = KEYS[1], KEYS[2], KEYS[3]
local token, body, ttl_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease_ms, hold_ms, amends = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'

local holder = redis.call('GET', lease)
local current = redis.call('GET', record)
local owns_record = current and string.find(current, token, 1, true)

if amends and not current then
  return -1
end
if holder == token or (not holder and owns_record) then
  local time = redis.call('TIME')
  local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('ZADD', recorded, now_ms, ARGV[7])
  redis.call('PEXPIRE', recorded, ttl_ms)
  redis.call('SET', record, body, 'PX', ttl_ms)
  return 1 + redis.call('PEXPIRE', lease, math.max(lease_ms, hold_ms))
end
return 0
