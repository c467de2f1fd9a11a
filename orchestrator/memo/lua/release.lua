-- release(KEYS: lease, failure, failures, or also process;
--         ARGV: token, failed, ttl_ms, longest_ttl_ms, channel, entry key)
--
--   failures        failures in a row without an answer between them (integer, PX)
--   process         says that the leader's process is alive, if it is there: given by a follower
--                   that has found it gone. The follower may have stood still since
--   failed          the failure as JSON, or '' to step down without one
--   ttl_ms          how long no process tries again after the first failure (ms); it doubles with
--                   every further one, up to longest_ttl_ms
--
-- Returns the pause until the next try (ms), 0 without a failure, -1 if *token* did not lead, or its
-- process is alive after all.
-- Keeps: only the leader ends its flight, or, by its token, a follower that has found it gone; a
-- failure never hides a successor's work. The record stays: only its writer knows whether it still
-- says anything.
local lease, failure, failures, process = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, failed, ttl_ms, longest_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local channel, name = ARGV[5], ARGV[6]

if redis.call('GET', lease) ~= token or (process and redis.call('GET', process)) then
  return -1
end
redis.call('DEL', lease)
if failed == '' then
  redis.call('PUBLISH', channel, 'released ' .. name)
  return 0
end
local times = redis.call('INCR', failures)
local wait_ms = math.min(ttl_ms * 2 ^ math.min(times - 1, 30), math.max(longest_ms, ttl_ms))
redis.call('PEXPIRE', failures, wait_ms + longest_ms)
redis.call('SET', failure, failed, 'PX', wait_ms)
redis.call('PUBLISH', channel, 'failed ' .. name)
return wait_ms
