"""What every package stands on: Redis client, leases, scripts, loops, logs, clock, bounds.

Nothing here knows a company, a job or a price.
"""
