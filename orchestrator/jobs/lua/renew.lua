-- renew(KEYS: chunk lease; ARGV: token, lease_ms) -> 1, or 0 if another worker has the chunk
--
--   chunk lease  `<job key>:claim:<chunk>`
--
-- Extends the lease by `lease_ms`; one that has lapsed while no worker took its chunk is taken again.
-- Keeps: a worker that lives is not counted as lost. One whose chunk was taken over, since it or
-- the store stood still for longer than a lease, takes its loss back: no item has killed it.
local lease, token, lease_ms = KEYS[1], ARGV[1], ARGV[2]

-- Returns what a command answers; nothing where something else has written over its key.
local function read(...)
  local found = redis.pcall(...)
  return type(found) ~= 'table' and found or nil
end

local holder = read('GET', lease)
if holder == token then
  redis.call('PEXPIRE', lease, lease_ms)
  return 1
end
local job, chunk = string.match(lease, '^(.*):claim:(%d+)$')
if not holder and read('SISMEMBER', job .. ':held', chunk) == 1 then
  redis.call('SET', lease, token, 'PX', lease_ms)
  return 1
end
if tonumber(read('HGET', job .. ':losses', chunk) or 0) > 0 then
  redis.call('HINCRBY', job .. ':losses', chunk, -1)
end
return 0
