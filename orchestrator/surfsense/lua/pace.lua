-- pace(KEYS: gate, free; ARGV: slot_us, epoch, spacing_us, burst, late_us, trip, probe_us, ask_us,
--      ttl_ms)
--
--   gate        hash {tat, epoch, not_before, failures, retry_at, ask_at, refusal, minute, left,
--               left_before}, see below
--   free        sorted set of times that were given back, scored by themselves
--   slot_us     the time that the caller holds, 0 if none
--   epoch       of the schedule that it is from
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
--
-- Returns {'go', use_within_us, slot_us, epoch, is_probe, failures}: the call may leave now.
-- {'wait', us, slot_us, epoch}: its time is in so many microseconds; ask again then.
-- {'hold', us}: the breaker is open; ask again in so many microseconds.
-- {'closed', refusal}: there is no credit. {'ask', refusal}: this caller, and no other one, asks
-- whether there is.
--
-- Keeps: a time is used once, and no later than late_us after it. Times are spaced by spacing_us,
-- but for `burst` of them after an idle period (GCRA, with reservations instead of refusals).
local gate, free = KEYS[1], KEYS[2]
local slot, epoch = tonumber(ARGV[1]), tonumber(ARGV[2])
local spacing, burst, late = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local trip, probe, ask, ttl_ms = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local known = {}
local fields = {'tat', 'epoch', 'failures', 'retry_at', 'ask_at', 'minute', 'left'}
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

if epoch ~= known.epoch or now - slot > late then
  redis.call('ZREMRANGEBYSCORE', free, '-inf', '(' .. string.format('%.0f', now - late))
  local returned = redis.call('ZRANGE', free, 0, 0)[1]
  if returned then
    redis.call('ZREM', free, returned)
    slot = tonumber(returned)
  else
    local tat = known.tat or 0
    slot = math.max(now, tat - (burst - 1) * spacing)
    remember('tat', math.max(tat, slot) + spacing)
  end
end

if now < slot then
  return {'wait', slot - now, slot, known.epoch}
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
