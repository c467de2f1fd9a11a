"""How much one request may bring."""

from typing import Final

from orchestrator.infra.bounds import MAX_ITEMS, MAX_ROWS

MAX_BODY_BYTES: Final = 10_000_000
MAX_UPLOAD_BYTES: Final = 1_000_000_000
"""Of a list that is read as it comes."""
MAX_RESULTS: Final = 1_000
"""Results of one page."""
MAX_WAIT_S: Final = 60
"""Seconds that a request may wait for its result; proxies often give up then."""

TOO_LARGE: Final = (
    f"A request has at most {MAX_BODY_BYTES // 1_000_000} MB and {MAX_ITEMS:,} items; "
    "split it into several."
)
TOO_MANY_ROWS: Final = f"An upload has at most {MAX_ROWS:,} rows; split it into several."
