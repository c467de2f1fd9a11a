"""How much one request may bring."""

from typing import Final

MAX_BODY_BYTES: Final = 10_000_000
MAX_ITEMS: Final = 100_000
MAX_UPLOAD_BYTES: Final = 1_000_000_000
"""Of a list that is read as it comes."""
MAX_ROWS: Final = 1_000_000
"""Of the same."""
MAX_RESULTS: Final = 1_000
"""Results of one page."""
MAX_WAIT_S: Final = 60
"""Seconds that a request may wait for its result; proxies often give up then."""
MAX_TEXT: Final = 1_000
"""Characters of a name, an address or a number."""
MAX_NOTES: Final = 100_000
MAX_COST_USD: Final = 1_000_000_000
"""A cap beyond it would not be exact: Redis scripts count in doubles."""
MICROS_PER_USD: Final = 1_000_000

TOO_LARGE: Final = (
    f"A request has at most {MAX_BODY_BYTES // 1_000_000} MB and {MAX_ITEMS:,} items; "
    "split it into several."
)
