-- aside(KEYS: root; ARGV: ttl_ms, job_id) -> nothing: sets aside a job that cannot be worked on
--
-- Keeps: what is stored of the job stays, for people to look at.
set_aside(ARGV[2])
