"""HTTP with the servers of this machine that tests start."""

import ssl

import httpx

#: Trusts no certificate: reading those that httpx brings takes 25 ms of each `httpx.get`. It keeps
#: no connection: servers end.
loopback = httpx.Client(
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    trust_env=False,
    limits=httpx.Limits(max_keepalive_connections=0),
)
