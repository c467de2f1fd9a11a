-- pace(KEYS: gate, free, lent; ARGV: slot_us, epoch, was_lent, is_urgent, spacing_us, burst, late_us,
--      trip, probe_us, ask_us, ttl_ms)
--
--   gate        hash {tat, epoch, not_before, failures, retry_at, ask_at, refusal, minute, left,
--               left_before, may_take}, see below
--   free        sorted set of times that were given back, scored by themselves
--   lent        sorted set of times that are held for callers who can wait, scored by themselves
--   slot_us     the time that the caller holds, 0 if none
--   epoch       of the schedule that it is from
--   was_lent    1 if that time was lent
--   is_urgent   1 if it is for a caller who takes an earlier time, if one is lent
--   spacing_us  between two times
--   burst       times that may come together after an idle period
--   late_us     how late a time may still be used
--   trip        failures in a row after which one probe goes at a time
--   probe_us    after which a probe that reports nothing is given up
--   ask_us      between two questions whether there is credit again
--   ttl_ms      how long the gate is remembered after its last use
--
-- All times are microseconds of this server's clock: `tat` is when the schedule has caught up with
-- the calls it has let go, `epoch` changes when all times that were handed out become void,
-- `not_before` is what the latest 429 asked for, `retry_at` the next probe, if the breaker is open,
-- `ask_at` the next question for credit, if there is none, and `refusal` what was said to that.
-- `minute`, `left` and `left_before` count the calls of this minute and of the one before.
-- `may_take` is 0 from the taking of a lent time until a caller that can wait has left.
--
-- Returns {'go', use_within_us, slot_us, epoch, is_probe, failures}: the call may leave now.
-- {'wait', us, slot_us, epoch, is_lent}: its time is in so many microseconds; ask again then.
-- {'hold', us}: the breaker is open; ask again in so many microseconds.
-- {'closed', refusal}: there is no credit. {'ask', refusal}: this caller, and no other one, asks
-- whether there is.
--
-- Keeps: a time is used once, and no later than late_us after it. Times are spaced by spacing_us,
-- but for `burst` of them after an idle period (GCRA, with reservations instead of refusals). Of two
-- times, one at most is taken from a caller that can wait, who then has the taker's.
local gate, free, lent = KEYS[1], KEYS[2], KEYS[3]
local slot, epoch = tonumber(ARGV[1]), tonumber(ARGV[2])
local was_lent, is_urgent = ARGV[3] == '1', ARGV[4] == '1'
local spacing, burst, late = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local trip, probe, ask, ttl_ms = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local known = {}
local fields = {'tat', 'epoch', 'failures', 'retry_at', 'ask_at', 'minute', 'left', 'may_take'}
for n, value in ipairs(redis.call('HMGET', gate, unpack(fields))) do
  known[fields[n]] = tonumber(value)
end

local function remember(...)
  redis.call('HSET', gate, ...)
  redis.call('PEXPIRE', gate, ttl_ms)
end

if known.ask_at then
  local refusal = redis.call('HGET', gate, 'refusal') or ''
  if now < known.ask_at then
    return {'closed', refusal}
  end
  remember('ask_at', now + ask)
  return {'ask', refusal}
end

local is_open = (known.failures or 0) >= trip
if is_open and now < (known.retry_at or 0) then
  return {'hold', known.retry_at - now}
end

if not known.epoch then
  known.epoch = now
  remember('epoch', now)
end

local function put(set, member)
  redis.call('ZADD', set, member, member)
  redis.call('PEXPIRE', set, ttl_ms)
end

local function earliest(set, from)
  return tonumber(redis.call('ZRANGE', set, from, '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1])
end

local function reserve()
  for _, set in ipairs({free, lent}) do
    redis.call('ZREMRANGEBYSCORE', set, '-inf', '(' .. string.format('%.0f', now - late))
  end
  local returned = earliest(free, '-inf')
  if returned then
    redis.call('ZREM', free, returned)
    return returned
  end
  local tat = known.tat or 0
  local new = math.max(now, tat - (burst - 1) * spacing)
  remember('tat', math.max(tat, new) + spacing)
  return new
end

local is_void = epoch ~= known.epoch or now - slot > late
if is_void or (was_lent and not redis.call('ZSCORE', lent, slot)) then
  slot = reserve()
end

if is_urgent and now < slot and known.may_take ~= 0 then
  local taken = earliest(lent, now)
  if taken and taken < slot then
    redis.call('ZREM', lent, taken, slot)
    put(free, slot)
    slot = taken
    remember('may_take', 0)
  end
end

if now < slot and is_urgent then
  redis.call('ZREM', lent, slot)
  return {'wait', slot - now, slot, known.epoch, 0}
end
if now < slot then
  put(lent, slot)
  return {'wait', slot - now, slot, known.epoch, 1}
end
redis.call('ZREM', lent, slot)
if not is_urgent and known.may_take == 0 then
  remember('may_take', 1)
end
if is_open then
  remember('retry_at', now + probe)
end
local minute = math.floor(now / 60000000)
if known.minute == minute then
  redis.call('HINCRBY', gate, 'left', 1)
else
  local before = known.minute == minute - 1 and known.left or 0
  remember('minute', minute, 'left', 1, 'left_before', before)
end
return {'go', late - (now - slot), slot, known.epoch, is_open and 1 or 0, known.failures or 0}
