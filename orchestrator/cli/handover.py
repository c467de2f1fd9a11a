"""`emasai handover`: hand-overs of opportunities to the sales agent."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import (
    Exit,
    instant,
    notice,
    number,
    out,
    print_error,
    print_json,
    print_sentence,
    table,
)
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.cli.spanish import translate
from orchestrator.leads import HandOver, HandOverState

handover = typer.Typer(
    help="List hand-overs of opportunities to the sales agent; retry them.",
    no_args_is_help=True,
)

_WAITING = "opportunities wait in the outbox until it is."


@handover.command("list")
def list_(
    *,
    state: Annotated[
        HandOverState | None,
        typer.Option(metavar="|".join(HandOverState), help="Only in this state."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List hand-overs with their attempts, and the reasons of failures."""

    async def work(runtime: Runtime) -> tuple[list[HandOver], dict[HandOverState, int], bool]:
        found = await runtime.leads.outbox.latest(state, limit=limit)
        return found, await runtime.leads.outbox.counts(), runtime.settings.webhook_url is not None

    found, counts, has_webhook = with_runtime(work)
    totals = {each.value: counts.get(each, 0) for each in HandOverState}
    if as_json:
        print_json({"counts": totals, "handovers": list(map(asdict, found))})
    else:
        out.print(_table(found))
        out.print(", ".join(f"{number(n)} {name}" for name, n in totals.items()))
    if not has_webhook:
        notice(translate("EMASAI_WEBHOOK_URL is not set:"), translate(_WAITING))


@handover.command()
def retry(
    events: Annotated[
        list[UUID] | None, typer.Argument(metavar="EVENT_ID", help="Hand-overs; all by default.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Retry hand-overs that were given up, under the same event ids."""

    async def work(runtime: Runtime) -> int:
        return await runtime.leads.outbox.retry(events)

    count = with_runtime(work)
    if as_json:
        print_json({"owed_again": count})
    else:
        print_sentence("{} hand-overs are pending again.", number(count))
    if events and count < len(set(events)):
        print_error(translate("only {} of {} had been given up.", count, len(set(events))))
        raise typer.Exit(Exit.PARTLY)


def _table(found: list[HandOver]) -> Table:
    columns = ("event", "state", "tries", "created (UTC)", "next try (UTC)", "reason")
    listed = table(*columns, gap=2)
    # Complete on any terminal: it is the argument of `retry`.
    listed.columns[0].no_wrap, listed.columns[0].min_width = True, 36
    for each in found:
        is_pending = each.state is HandOverState.PENDING
        listed.add_row(
            str(each.event_id),
            each.state.value,
            str(each.attempts),
            instant(each.created_at),
            instant(each.due_at) if is_pending else "-",
            each.reason or "",
        )
    return listed
