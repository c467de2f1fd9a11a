-- move(KEYS: root; ARGV: ttl_ms, job_id, target, origin, origin, ...) -> the job's state, or nothing
--
--   target, origins  where a command leads to, and the states in which it changes anything
--
-- Keeps: a compare-and-set; which command leads where is decided in model.py. Nothing for a job that
-- is not there. A job whose chunks no worker holds is cancelled at once.
local job_id, target = ARGV[2], ARGV[3]
local record = job_key(job_id)
local state = redis.call('HGET', record, 'state')
if not state then
  return nil
end
for i = 4, #ARGV do
  if ARGV[i] == state then
    redis.call('HSET', record, 'state', target)
    note(job_id, target == 'running' and 'resumed' or target)
    if is_workable(target) then
      enqueue(job_id)
    else
      dequeue(job_id)
    end
    return settle(job_id)
  end
end
return state
