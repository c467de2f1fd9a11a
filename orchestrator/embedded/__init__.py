"""The embedded stack: real servers and real workers on this machine, from nothing.

A real Valkey server with its append-only file, SQLite, the SurfSense sandbox and Celery
workers, each in a process of its own, all loopback-only, all data under one folder. It needs the
packages of the extra `embedded`, except for the `sandbox`. A configured installation never
imports it, so nothing is imported here.
"""
