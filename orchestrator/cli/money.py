"""Amounts of money on the command line."""

from decimal import Decimal, InvalidOperation

import typer

#: Micro-USD in a dollar.
MICROS = 1_000_000


def parse_usd(text: str | None) -> int | None:
    """Return an amount of dollars as micro-USD.

    Raises:
        typer.BadParameter: Not an amount, or below zero.
    """
    if text is None:
        return None
    try:
        micros = Decimal(text.removeprefix("$")) * MICROS
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not an amount of US dollars, such as 2.50") from None
    if not micros.is_finite() or not 0 <= micros <= _MOST:
        raise typer.BadParameter(
            f"{text!r} is no cap: give one from 0 to {_MOST // MICROS} dollars"
        )
    return int(micros)


#: Redis reckons in doubles, which are exact up to 2**53.
_MOST = 2**53 - 1
