"""Finds the run of a purchase whose POST was sent, but whose run id nobody knows.

SurfSense has no idempotency, but it lists its runs. The list tells when each was created, not
what was asked, so the runs of the right time are looked at one by one, the likeliest first.
"""

import asyncio
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from orchestrator.surfsense.errors import RunUnknown, ServiceUnavailable
from orchestrator.surfsense.run_wire import RunRow
from orchestrator.surfsense.search import is_search_for
from orchestrator.surfsense.workspace_api import PAGE, WorkspaceApi
