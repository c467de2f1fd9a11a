-- finish(KEYS: record, open, claim, rung, active; ARGV: chunk, token, job_id, done)
--
--   done  '1' every item of the chunk has a result; '0' the worker hands the chunk back
--
-- Returns 1 if this was the job's last chunk, else 0.
-- Keeps: a chunk is let go only by its holder; a job is done when no chunk is open; a record
-- that has expired is not brought back.
local record, open, claim, rung, active = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local chunk, token, job_id, done = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('GET', claim) == token then
  redis.call('DEL', claim, rung)
end
if done ~= '1' or redis.call('SREM', open, chunk) == 0 or redis.call('SCARD', open) > 0 then
  return 0
end
if redis.call('EXISTS', record) == 0 then
  return 0
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', record, 'state', 'done', 'finished_at_ms', now_ms)
redis.call('ZREM', active, job_id)
return 1
