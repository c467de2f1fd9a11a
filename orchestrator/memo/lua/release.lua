-- release(KEYS: lease, note, failure; ARGV: token, record, ttl_ms, keep_note, channel, entry key)
--
--   record     the failure as JSON, or '' to step down without one
--   ttl_ms     how long nobody tries again (ms); ignored without a record
--   keep_note  '1' leaves the note to the next leader
--
-- Returns 1 if the caller led, else 0.
-- Keeps: only the leader ends its flight; a failure never hides a successor's work.
local lease, note, failure = KEYS[1], KEYS[2], KEYS[3]
local token, record, ttl_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local keep_note, channel, name = ARGV[4], ARGV[5], ARGV[6]

if redis.call('GET', lease) ~= token then
  return 0
end
redis.call('DEL', lease)
if keep_note ~= '1' then
  redis.call('DEL', note)
end
if record ~= '' then
  redis.call('SET', failure, record, 'PX', ttl_ms)
end
redis.call('PUBLISH', channel, (record == '' and 'released ' or 'failed ') .. name)
return 1
