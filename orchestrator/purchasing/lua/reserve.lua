-- reserve(KEYS: account, holds, account, holds, ...; ARGV: hold_id, amount_micros, hold_ms, ttl_ms,
--         soft_share, cap_micros, share, cap_micros, share, ...)
--
--   account     hash {spent, held, cap, warned}, all micro-USD; it counts once it was opened,
--               which gives it `spent`. `cap` is its own, `warned` the cap that was warned of
--   holds       sorted set of "<hold_id> <amount>", scored by the instant it lapses (ms)
--   hold_ms     how long an unsettled reservation lives (ms)
--   ttl_ms      how long an account is remembered after its last use (ms)
--   soft_share  share of a cap that is warned of
--   cap_micros  one for each account; '' asks for the account's own, if any
--   share       one for each account: the part of its cap that this reservation may use
--
-- Returns {'held', n, ...} if the amount is now held in every account; n are the 1-based
-- numbers of those that reached their soft share just now. {'refused', n}: the cap of n would
-- be exceeded. {'unopened', n, ...}: these must be opened first. In both cases nothing is held.
--
-- Keeps: spent + held <= cap, under any concurrency. What a crashed buyer held comes back
-- when it lapses. Reserving again under the same hold_id changes nothing.
local hold_id, amount = ARGV[1], tonumber(ARGV[2])
local hold_ms, ttl_ms = tonumber(ARGV[3]), ARGV[4]
local soft_share = tonumber(ARGV[5])
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local member = hold_id .. ' ' .. ARGV[2]
local count = #KEYS / 2

local function used(account)
  local both = redis.call('HMGET', account, 'spent', 'held')
  return tonumber(both[1]) + tonumber(both[2] or '0')
end

local unopened = {'unopened'}
for n = 1, count do
  if redis.call('HEXISTS', KEYS[2 * n - 1], 'spent') == 0 then
    unopened[#unopened + 1] = n
  end
end
if #unopened > 1 then
  return unopened
end

local caps = {}
for n = 1, count do
  local account, holds = KEYS[2 * n - 1], KEYS[2 * n]
  for _, lapsed in ipairs(redis.call('ZRANGE', holds, '-inf', now_ms, 'BYSCORE')) do
    redis.call('HINCRBY', account, 'held', -tonumber(string.match(lapsed, ' (%d+)$')))
    redis.call('ZREM', holds, lapsed)
  end
  local given, share = ARGV[4 + 2 * n], tonumber(ARGV[5 + 2 * n])
  local cap = given ~= '' and given or redis.call('HGET', account, 'cap')
  if cap then
    caps[n] = {text = cap, soft = math.floor(tonumber(cap) * soft_share)}
    local limit = math.floor(tonumber(cap) * share)
    if not redis.call('ZSCORE', holds, member) and used(account) + amount > limit then
      return {'refused', n}
    end
  end
end

local reply = {'held'}
for n = 1, count do
  local account, holds, cap = KEYS[2 * n - 1], KEYS[2 * n], caps[n]
  if redis.call('ZADD', holds, 'NX', now_ms + hold_ms, member) == 1 then
    redis.call('HINCRBY', account, 'held', amount)
  end
  if cap and used(account) >= cap.soft and redis.call('HGET', account, 'warned') ~= cap.text then
    redis.call('HSET', account, 'warned', cap.text)
    reply[#reply + 1] = n
  end
  redis.call('PEXPIRE', account, ttl_ms)
  redis.call('PEXPIRE', holds, ttl_ms)
end
return reply
