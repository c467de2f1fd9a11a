"""`emasai invalidate`: forget what the memo knows, so that the next lookup buys anew."""

from typing import Annotated

import typer

from orchestrator.bootstrap import Runtime
from orchestrator.cli.console import out, print_json
from orchestrator.cli.session import with_runtime
from orchestrator.enrichment import entry_key
from orchestrator.identity import company_key


def invalidate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Companies to forget.")
    ] = None,
    *,
    pattern: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Forget all whose key matches, e.g. 'banco_*'."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Forget companies; a purchase under way cannot bring them back, its cost stays counted."""
    if bool(names) == bool(pattern):
        raise typer.BadParameter("give either names or --pattern")
    keys = [entry_key(company_key(name)) for name in names or ()]

    async def work(parts: Runtime) -> int:
        if pattern is not None:
            return await parts.memo.invalidate_pattern(entry_key(pattern))
        return await parts.memo.invalidate(*keys)

    removed = with_runtime(work)
    if as_json:
        print_json({"removed": removed})
    else:
        out.print(f"Forgot {removed} {'entry' if removed == 1 else 'entries'}.")
