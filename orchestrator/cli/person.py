"""`emasai person`: what is kept about a person, exported or erased."""

from typing import Annotated, Final

import typer
from pydantic import TypeAdapter

from orchestrator.app import Runtime
from orchestrator.cli.console import Exit, figures, notice, number, out, print_json, print_sentence
from orchestrator.cli.options import AsJson, check_bound
from orchestrator.cli.session import with_runtime
from orchestrator.cli.spanish import translate, translate_message
from orchestrator.persons import (
    EmailAddress,
    Erasure,
    PersonExport,
    erase_person,
    export_person,
)

person = typer.Typer(help="Export, or erase, what is kept about a person.", no_args_is_help=True)

_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(EmailAddress)


_COUNTS: Final = (
    "leads",
    "decisions",
    "opportunities",
    "hand_overs",
    "archived_answers",
    "cached_answers",
)


def _check_address(text: str) -> str:
    return check_bound(_ADDRESS, text)


Email = Annotated[
    str,
    typer.Argument(
        metavar="EMAIL", callback=_check_address, help="The person's address, in any case."
    ),
]


@person.command()
def export(email: Email, *, as_json: AsJson = False) -> None:
    """Export everything that is kept about a person; with --json for programs, and complete."""

    async def work(runtime: Runtime) -> PersonExport:
        return await export_person(runtime, email)

    found = with_runtime(work)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    archived = sum(each.is_archived for each in found.answers)
    rows = [
        ("leads", len(found.leads)),
        ("decisions", sum(len(each.decisions) for each in found.leads)),
        ("opportunities", sum(each.opportunity is not None for each in found.leads)),
        ("hand-overs", sum(each.hand_over is not None for each in found.leads)),
        ("archived answers", archived),
        ("cached answers", len(found.answers) - archived),
    ]
    out.print(figures((name, number(count), "") for name, count in rows))
    _print_rest(found.named_in, found.elsewhere)


@person.command()
def erase(
    email: Email,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be erased; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person: leads with all that goes with them, and answers that name the person.

    The ledger, which is about companies, stays. Repeating it is safe.
    """

    async def work(runtime: Runtime) -> Erasure:
        return await erase_person(runtime, email, dry_run=dry_run)

    erasure = with_runtime(work)
    if as_json:
        print_json(erasure.model_dump(mode="json"))
    else:
        _print_erasure(erasure)
    if erasure.deferred:
        cached = "cached copies may be read until it does, for an hour."
        notice(translate("Redis does not answer:"), translate(cached))
        raise typer.Exit(Exit.PARTLY)


def _print_erasure(erasure: Erasure) -> None:
    if erasure.is_empty:
        print_sentence("There is nothing to erase under this address.")
    else:
        remark = translate("would be erased" if erasure.dry_run else "erased")
        counted = ((name, getattr(erasure, name)) for name in _COUNTS)
        rows = [(name.replace("_", " "), number(count), remark) for name, count in counted]
        out.print(figures(rows))
    for record_id in erasure.records:
        print_sentence("Recorded as {} in the table erasures.", record_id)
    for event_id in erasure.delivered:
        received = "The receiver of hand-overs has event {}; have it erased there, too."
        print_sentence(received, event_id)
    _print_list("Kept:", erasure.kept)
    _print_rest(erasure.named_in, erasure.elsewhere)


def _print_rest(named_in: list[str], elsewhere: list[str]) -> None:
    _print_list("The address also stands in notes or reasons, which you may edit, of:", named_in)
    _print_list("Not reached:", elsewhere)


def _print_list(heading: str, texts: list[str]) -> None:
    if texts:
        print_sentence(heading)
    for text in texts:
        out.print(f"- {translate_message(text)}", soft_wrap=True)
