-- discard(KEYS: root; ARGV: ttl_ms, job_id) -> nothing
--
-- Removes a job whose record cannot be read.
-- Keeps: no list has it any more. Its lane may be unknown; `take` drops it there, since it has no
-- record. What is stored of its items expires.
local job_id = ARGV[2]
for _, index in ipairs({'active', 'all', 'failures', 'unreadable'}) do
  redis.call('ZREM', ROOT .. index, job_id)
end
redis.call('DEL', job_key(job_id))
for _, part in ipairs({'results', 'timeline', 'finished', 'held', 'returned', 'losses', 'begun'}) do
  redis.call('DEL', job_key(job_id, part))
end
