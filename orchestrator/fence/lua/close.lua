-- close(KEYS: entry, fence, closed; ARGV: generation, token, closed_ms, fence_ttl_ms)
--
--   generation     never used before
--   token          of the write that is about to begin
--   closed_ms      longer than its transaction can last
--
-- Returns 'closed'.
--
-- Keeps: from here to `open` of the last of the writes under way, or until closed_ms have passed, there
-- is no entry and none is stored: readers ask the database.
local entry, fence, closed = KEYS[1], KEYS[2], KEYS[3]
local generation, token, closed_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', closed, '-inf', now_ms)
redis.call('ZADD', closed, now_ms + closed_ms, token)
redis.call('PEXPIRE', closed, closed_ms)
redis.call('HSET', fence, 'generation', generation)
redis.call('PEXPIRE', fence, ARGV[4])
redis.call('UNLINK', entry)
return 'closed'
