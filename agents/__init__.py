"""The platform's agents: pure judgement, no I/O, no clock, no logging.

An agent looks at a `Case` and returns a `Decision` (`case`). Fetching evidence,
storing decisions and retrying are the orchestrator's; nothing here imports it.
"""
