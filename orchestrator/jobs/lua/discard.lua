-- discard(KEYS: root; ARGV: ttl_ms, job_id) -> nothing
--
-- Removes a job whose record cannot be read.
-- Keeps: no line or list has it any more. Its line may be unknown; whoever comes across it there drops
-- it, since it has no record. What it stored of its items expires by itself.
local job_id = ARGV[2]
for _, index in ipairs({'active', 'all', 'failures', 'unreadable'}) do
  redis.call('ZREM', ROOT .. index, job_id)
end
redis.call('DEL', job_key(job_id))
for _, part in ipairs({'results', 'timeline', 'finished', 'held', 'returned', 'losses', 'begun'}) do
  redis.call('DEL', job_key(job_id, part))
end
