"""`emasai handover`: what the sales agent has been told, and what it could not be told."""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import Exit, err, notice, out, print_json
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.leads import HandOver, HandOverState

handover = typer.Typer(
    help="What the sales agent was told of opportunities, and what is still owed.",
    no_args_is_help=True,
)

_WAITING = "opportunities wait in the outbox, and are handed over once it is."


@handover.command("list")
def list_(
    *,
    state: Annotated[
        HandOverState | None, typer.Option(help="Only those that are in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List hand-overs with their attempts and, where one has failed, the reason."""

    async def work(parts: Runtime) -> tuple[list[HandOver], dict[HandOverState, int], bool]:
        found = await parts.leads.outbox.latest(state, limit=limit)
        return found, await parts.leads.outbox.counts(), parts.settings.webhook_url is not None

    found, counts, has_webhook = with_runtime(work)
    totals = {each.value: counts.get(each, 0) for each in HandOverState}
    if as_json:
        rows = [
            {name: getattr(each, name) for name in HandOver.__dataclass_fields__} for each in found
        ]
        print_json({"counts": totals, "handovers": rows})
    else:
        out.print(_table(found))
        out.print(", ".join(f"{count} {name}" for name, count in totals.items()))
    if not has_webhook:
        notice("EMASAI_WEBHOOK_URL is not set:", _WAITING)


@handover.command()
def retry(
    events: Annotated[
        list[UUID] | None, typer.Argument(metavar="EVENT_ID...", help="Which; with none, all.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Owe again what was given up; the receiver gets it under the same event id."""

    async def work(parts: Runtime) -> int:
        return await parts.leads.outbox.retry(events)

    count = with_runtime(work)
    if as_json:
        print_json({"owed_again": count})
    else:
        out.print(f"{count} hand-overs are owed again.")
    if events and count < len(set(events)):
        err.print(f"emasai: only {count} of {len(set(events))} were given up.", style="red")
        raise typer.Exit(Exit.PARTLY)


def _table(found: list[HandOver]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    # Whole, however narrow the terminal is: `retry` takes it.
    table.add_column("event", no_wrap=True, min_width=36)
    for column in ("state", "tries", "created (UTC)", "next try (UTC)", "reason"):
        table.add_column(column)
    for each in found:
        is_pending = each.state is HandOverState.PENDING
        table.add_row(
            str(each.event_id),
            each.state.value,
            str(each.attempts),
            f"{each.created_at:%Y-%m-%d %H:%M:%S}",
            f"{each.due_at:%Y-%m-%d %H:%M:%S}" if is_pending else "-",
            each.reason or "",
        )
    return table
