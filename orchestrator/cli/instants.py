"""Instants on the command line: a date, or a length of time from now."""

from datetime import UTC, datetime

import typer

from orchestrator.cli.durations import read_duration


def parse_instant(text: str, now: datetime, *, ago: bool) -> datetime:
    """Return the instant that *text* means: `2026-11-30`, `2026-11-30T18:00`, or `2h`, `7d`.

    Without a zone it is UTC. A length of time counts from *now*, into the past if *ago*.

    Raises:
        typer.BadParameter: It means none.
    """
    try:
        length = read_duration(text)
    except ValueError:
        return _written_out(text)
    try:
        return now - length if ago else now + length
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is too long a time") from None


def _written_out(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no instant, such as 2026-11-30T18:00, nor a length of time, such as 2h"
        ) from None
