-- pace_event(KEYS: gate, free, lent; ARGV: ttl_ms, event, ...)
--
-- What a caller has learned about the service, for the whole fleet; the keys are those of `pace`.
--
--   'limited', wait_us, spacing_us, burst   a 429: no call leaves for so long, and then one after
--                                           the other; all times that were handed out are void
--   'failed', is_probe, trip, pause_us      the service failed; a probe comes pause_us later
--   'succeeded'                             it works
--   'idle_probe'                            a probe was not sent: another one may be
--   'no_credit', ask_us, refusal            no call leaves until credit is back
--   'credit'                                it is back
--   'free', slot_us, epoch, was_lent        a time is given back, unless it was taken meanwhile
--
-- Returns 1 if the event changed the gate: 'limited' the schedule, 'failed' and 'succeeded' the
-- breaker, 'no_credit' and 'credit' the credit gate; else 0.
-- Keeps: a 429 never brings a call forward. The breaker opens after `trip` failures in a row, and
-- only a probe's failure brings the next probe. A time that is void is not given back.
local gate, free, lent = KEYS[1], KEYS[2], KEYS[3]
local ttl_ms, event = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function known(field)
  return tonumber(redis.call('HGET', gate, field))
end

local function remember(...)
  redis.call('HSET', gate, ...)
  redis.call('PEXPIRE', gate, ttl_ms)
end

local events = {}

function events.limited(wait, spacing, burst)
  local not_before = now + math.max(tonumber(wait), tonumber(spacing))
  if not_before <= (known('not_before') or 0) then
    return 0
  end
  -- As after a full burst: what follows comes at the rate, not as a herd.
  local tat = not_before + (tonumber(burst) - 1) * tonumber(spacing)
  remember('not_before', not_before, 'tat', tat, 'epoch', (known('epoch') or now) + 1)
  redis.call('DEL', free, lent)
  return 1
end

function events.failed(is_probe, trip, pause)
  local failures = (known('failures') or 0) + 1
  remember('failures', failures)
  if failures == tonumber(trip) or (failures > tonumber(trip) and is_probe == '1') then
    remember('retry_at', now + tonumber(pause))
  end
  return failures == tonumber(trip) and 1 or 0
end

function events.succeeded()
  local was_open = redis.call('HDEL', gate, 'retry_at')
  redis.call('HDEL', gate, 'failures')
  return was_open
end

function events.idle_probe()
  if known('retry_at') then
    remember('retry_at', now)
  end
  return 0
end

function events.no_credit(ask, refusal)
  local is_new = known('ask_at') == nil
  remember('ask_at', now + tonumber(ask), 'refusal', refusal)
  return is_new and 1 or 0
end

function events.credit()
  redis.call('HDEL', gate, 'refusal')
  return redis.call('HDEL', gate, 'ask_at')
end

function events.free(slot, epoch, was_lent)
  local is_own = redis.call('ZREM', lent, slot) == 1 or was_lent == '0'
  if is_own and known('epoch') == tonumber(epoch) then
    redis.call('ZADD', free, slot, slot)
    redis.call('PEXPIRE', free, ttl_ms)
  end
  return 0
end

return events[event](unpack(ARGV, 3))
