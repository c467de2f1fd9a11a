"""The embedded stack: real servers and real workers on this machine, from nothing.

A real Valkey server with its append-only file, SQLite, the SurfSense sandbox and Celery
workers, each in a process of its own, all loopback-only, all data under one folder. Only
for the CLI: production entries never start it.
"""

from orchestrator.embedded.errors import StackError
from orchestrator.embedded.stack import EmbeddedStack, open_stack

__all__ = ["EmbeddedStack", "StackError", "open_stack"]
