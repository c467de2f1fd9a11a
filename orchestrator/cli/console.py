"""Where output goes: results to standard output, everything said about them to standard error."""

import orjson
from rich.console import Console

#: What was asked for: tables for people.
out = Console()
#: Progress, notices and errors.
err = Console(stderr=True, soft_wrap=True)


_DOLLAR = 1_000_000


def print_json(value: object) -> None:
    """Write *value* to standard output as JSON, whatever the terminal."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def dollars(micros: int) -> str:
    """Return micro-USD as people read them: cents for large sums, more digits for small ones."""
    whole = micros >= _DOLLAR or not micros
    return f"${micros / _DOLLAR:,.2f}" if whole else f"${micros / _DOLLAR:.4f}"
