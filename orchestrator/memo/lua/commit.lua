-- commit(KEYS: entry, lease, generation, record, failure, failures, stale, recorded;
--        ARGV: token, generation, stored, expires_at_ms, channel, entry key,
--              last_record, record_ttl_ms, stale_until_ms, member)
--
--   stored          the encoded entry; carries the token in its first 200 bytes
--   expires_at_ms   instant at which it ceases to be fresh (ms, Redis clock)
--   last_record       what stays written down until the caller drops it, or '' for nothing
--   stale_until_ms  instant up to which a copy is kept for bad times (ms), or 0 for none
--   member          under which the flight's record is listed in recorded
--
-- Returns 'stored' | 'invalidated' (an invalidation came first) | 'lost' (another leader took
-- over, or finished already).
--
-- Keeps: the record is the ticket, not the lease. A leader of the current generation writes as long as
-- it holds the lease, or the record is still its own: then no other purchase has begun since,
-- whichever process leads now, and what was paid for is kept. A successor that has begun to look at the record loses its
-- lease with it, so it can write nothing any more. The record changes in the same step as the entry, so
-- that it tells whether the answer was stored. A repeated call of one that has succeeded answers
-- 'stored'.
local entry, lease, generation, record = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local failure, failures, stale, recorded = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local token, at_generation, stored = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local expires_at_ms, channel, name = ARGV[4], ARGV[5], ARGV[6]
local last_record, record_ttl_ms, stale_until_ms = ARGV[7], ARGV[8], ARGV[9]

local holder = redis.call('GET', lease)
if holder ~= token then
  local current = redis.call('GET', entry)
  if current and string.find(string.sub(current, 1, 200), token, 1, true) then
    return 'stored'
  end
  local left = redis.call('GET', record)
  local has_ticket = not current and left and string.find(left, token, 1, true)
  if not has_ticket then
    return 'lost'
  end
end

redis.call('DEL', lease, failure, failures)
if last_record == '' then
  redis.call('DEL', record)
  redis.call('ZREM', recorded, ARGV[10])
else
  redis.call('SET', record, last_record, 'PX', record_ttl_ms)
end
if tonumber(redis.call('GET', generation) or '0') ~= at_generation then
  redis.call('PUBLISH', channel, 'released ' .. name)
  return 'invalidated'
end
redis.call('SET', entry, stored, 'PXAT', expires_at_ms)
if stale_until_ms ~= '0' then
  redis.call('SET', stale, stored, 'PXAT', stale_until_ms)
end
redis.call('PUBLISH', channel, 'stored ' .. name)
return 'stored'
