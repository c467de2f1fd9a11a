"""Which companies, and which watches, a command of `emasai schedule` is about."""

from collections.abc import Collection

import typer

from orchestrator.app import Runtime
from orchestrator.identity import Mention
from orchestrator.identity.resolution import Resolved
from orchestrator.schedule import Watch, WatchKind, watch_id


async def chosen_watches(
    parts: Runtime,
    names: Collection[str] | None,
    tenant: str | None,
    *,
    open_opportunities: bool,
) -> list[Watch]:
    """Return the watches that a command is about.

    Raises:
        typer.BadParameter: A company that is named is not watched.
    """
    whose = tenant or parts.settings.tenant
    watches = await parts.watches.of_tenant(whose)
    if open_opportunities:
        return [watch for watch in watches if watch.kind is not WatchKind.COMPANY]
    if not names:
        return watches
    by_id = {watch.id: watch for watch in watches}
    wanted = {
        name: [watch_id(whose, key) for key in (company.key, company.identity.key)]
        for name, company in await _meant(parts, names)
    }
    unknown = [name for name, ids in wanted.items() if not by_id.keys() & set(ids)]
    if unknown:
        raise typer.BadParameter(f"not watched: {', '.join(unknown)} (`emasai schedule list`)")
    # Also one that was added before its company was merged into another.
    chosen = [by_id[identity] for ids in wanted.values() for identity in ids if identity in by_id]
    return list({watch.id: watch for watch in chosen}.values())


async def _meant(parts: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names*, or keys, with the company that it means."""
    identities = [Mention(name).identify() for name in names]
    return list(zip(names, await parts.index.look_all(identities), strict=True))


async def companies_named(parts: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names* with the company that it means.

    Raises:
        typer.BadParameter: One means several, or says nothing.
    """
    meant = await _meant(parts, names)
    for name, company in meant:
        if company.is_ambiguous:
            raise typer.BadParameter(
                f"{name} does not say which company is meant; give its key, which "
                f"`emasai identity show '{name}'` lists"
            )
    return meant
