-- reserve(KEYS: account, holds, account, holds, ...; ARGV: hold_id, amount_micros, hold_ms, ttl_ms)
--
--   account    hash {cap, spent, held}, all micro-USD; no `cap` field means no cap
--   holds      sorted set of "<hold_id> <amount>", scored by the instant it lapses (ms)
--   hold_ms    how long a reservation lives if nobody settles it (ms)
--   ttl_ms     how long an account is remembered after its last use (ms)
--
-- Returns 0 if the amount is now held in every account, else the 1-based number of the
-- first account whose cap would be exceeded; then nothing is held anywhere.
--
-- Keeps: spent + held <= cap, under any concurrency. What a crashed buyer held comes back
-- when it lapses. Reserving again under the same hold_id changes nothing.
local hold_id, amount = ARGV[1], tonumber(ARGV[2])
local hold_ms, ttl_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local member = hold_id .. ' ' .. ARGV[2]

for i = 1, #KEYS, 2 do
  local account, holds = KEYS[i], KEYS[i + 1]
  for _, lapsed in ipairs(redis.call('ZRANGE', holds, '-inf', now_ms, 'BYSCORE')) do
    redis.call('HINCRBY', account, 'held', -tonumber(string.match(lapsed, ' (%d+)$')))
    redis.call('ZREM', holds, lapsed)
  end
  local cap = redis.call('HGET', account, 'cap')
  if cap and not redis.call('ZSCORE', holds, member) then
    local spent = tonumber(redis.call('HGET', account, 'spent') or '0')
    local held = tonumber(redis.call('HGET', account, 'held') or '0')
    if spent + held + amount > tonumber(cap) then
      return (i + 1) / 2
    end
  end
end

for i = 1, #KEYS, 2 do
  redis.call('ZREM', KEYS[i + 1], 'settled:' .. hold_id .. ' 0')  -- released before, held anew
  if redis.call('ZADD', KEYS[i + 1], 'NX', now_ms + hold_ms, member) == 1 then
    redis.call('HINCRBY', KEYS[i], 'held', amount)
  end
  redis.call('PEXPIRE', KEYS[i], ttl_ms)
  redis.call('PEXPIRE', KEYS[i + 1], ttl_ms)
end
return 0
