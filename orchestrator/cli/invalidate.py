"""`emasai invalidate`: forget what the memo knows, so that the next lookup buys anew."""

from typing import Annotated

import typer

from orchestrator.app import Runtime
from orchestrator.cli.console import out, print_json
from orchestrator.cli.options import AsJson, CompanyNames
from orchestrator.cli.session import with_runtime
from orchestrator.identity import as_key, is_refined
from orchestrator.purchasing import entry_key


def invalidate(
    names: CompanyNames = None,
    *,
    pattern: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Forget all whose key matches, e.g. 'banco_*'."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forget companies; a purchase under way cannot bring them back, its cost stays counted."""
    if bool(names) == bool(pattern):
        raise typer.BadParameter("give either names or --pattern")
    keys = [as_key(name) for name in names or ()]

    async def work(parts: Runtime) -> int:
        if pattern is not None:
            return await parts.memo.invalidate_pattern(entry_key(pattern))
        known = {one for key in keys for one in await _all_keys(parts, key)}
        return await parts.memo.invalidate(*map(entry_key, known))

    removed = with_runtime(work)
    if as_json:
        print_json({"removed": removed})
    else:
        out.print(f"Forgot {removed} {'entry' if removed == 1 else 'entries'}.")


async def _all_keys(parts: Runtime, key: str) -> set[str]:
    """Return the keys of all companies that *key*, or the name that has it, may mean."""
    companies = () if is_refined(key) else await parts.index.companies_of(key)
    return {one for each in (key, *companies) for one in await parts.index.one_with(each)}
