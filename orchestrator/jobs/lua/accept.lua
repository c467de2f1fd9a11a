-- accept(KEYS: pointer, record, open, active;
--        ARGV: job_id, record prefix, ttl_ms, chunks, field, value, field, value, ...)
--
--   pointer        id of the unfinished job of the same batch (string, PX)
--   record prefix  turns a job id into the key of its record
--   chunks         how many chunks the job has; their items are stored already
--
-- Returns the id of the job: the caller's, or the unfinished one that asks for the same.
-- Keeps: one unfinished job a batch. After this call the job exists as a whole; before it,
-- not at all. A job without work is done at once.
local pointer, record, open, active = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local job_id, prefix, ttl_ms, chunks = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local same = redis.call('GET', pointer)
if same and redis.call('HGET', prefix .. same, 'state') == 'accepted' then
  return same
end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', record, 'state', 'accepted', 'accepted_at_ms', now_ms, unpack(ARGV, 5))
redis.call('PEXPIRE', record, ttl_ms)
if chunks == 0 then
  redis.call('HSET', record, 'state', 'done', 'finished_at_ms', now_ms)
  return job_id
end
for chunk = 0, chunks - 1 do
  redis.call('SADD', open, chunk)
end
redis.call('PEXPIRE', open, ttl_ms)
redis.call('ZADD', active, now_ms, job_id)
redis.call('PEXPIRE', active, ttl_ms)
redis.call('SET', pointer, job_id, 'PX', ttl_ms)
return job_id
