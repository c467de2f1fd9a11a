-- begin_request(KEYS: root; ARGV: ttl_ms, name, digest, claim, lease_ms) -> what the key led to
--
--   name      of the idempotency key
--   digest    identity of the request, '-' if it shows only when the request has been read
--   claim     `<digest> ?<token>`, the key's record while its first request is in flight
--   lease_ms  how long it is, unless it is renewed
--
-- Returns '' where the caller has the key now, 'busy' while another request has it, 'reused' where
-- it led to another request, else the record: `<digest> <job id, or ->[ <note>]`.
-- Keeps: at most one request with a key is in flight.
local digest = ARGV[3]
local known, before, first = request_of(ARGV[2])
if known then
  local is_same = before == digest or before == '-' or digest == '-'
  if string.sub(first, 1, 1) == '?' then
    return is_same and 'busy' or 'reused'
  end
  if first == '-' or redis.call('EXISTS', job_key(first)) == 1 then
    return is_same and known or 'reused'
  end
end
redis.call('SET', ROOT .. 'key:' .. ARGV[2], ARGV[4], 'PX', ARGV[5])
return ''
