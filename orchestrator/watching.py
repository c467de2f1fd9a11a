"""Chooses and changes watches by the names of companies: `emasai schedule`, and over HTTP.

NotWatched(names)         companies that the tenant does not watch
AmbiguousCompany(name)    a name of several companies; one of them is to be named by its key
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.app import Runtime
from orchestrator.identity import Mention
from orchestrator.identity.resolution import Resolved
from orchestrator.schedule import Watch, WatchKind, new_rule, new_watch, watch_id


class NotWatched(LookupError):
    """Companies, by the names that were given, that are not watched."""

    def __init__(self, names: str) -> None:
        super().__init__(names)
        self.names = names

    def __str__(self) -> str:
        return f"not watched: {self.names}"


class AmbiguousCompany(ValueError):
    """A name that means several companies, or none."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} is ambiguous; give the key of the company"


@dataclass(frozen=True, slots=True)
class Choice:
    """The watches of a tenant that are meant: of companies, by name or key, or those of its rule.

    Without *names* and without the rule all of them.
    """

    tenant: str
    names: Collection[str] = ()
    open_opportunities: bool = False

    async def watches(self, runtime: Runtime) -> list[Watch]:
        """Return them, the next due first.

        Raises:
            NotWatched: A company is not watched.
            InvalidCompanyName: A name is none.
            DatabaseUnavailable: The database does not answer.
        """
        watches = await runtime.schedule.watches.of_tenant(self.tenant)
        if self.open_opportunities:
            return [watch for watch in watches if watch.kind is not WatchKind.COMPANY]
        if not self.names:
            return watches
        by_id = {watch.id: watch for watch in watches}
        wanted = {
            name: [watch_id(self.tenant, key) for key in (company.key, company.identity.key)]
            for name, company in await _resolve_names(runtime, self.names)
        }
        unknown = [name for name, ids in wanted.items() if not by_id.keys() & set(ids)]
        if unknown:
            raise NotWatched(", ".join(unknown))
        # Including one that was added before its company was merged into another.
        chosen = dict.fromkeys(each for ids in wanted.values() for each in ids if each in by_id)
        return [by_id[each] for each in chosen]


async def watch(runtime: Runtime, chosen: Choice, every: timedelta) -> list[Watch]:
    """Watch the companies of *chosen*, or with its rule all that have an opportunity.

    Those that are watched already get the new period.

    Raises:
        AmbiguousCompany: A name means several companies, or none.
        InvalidCompanyName: A name is none.
        DatabaseUnavailable, StoreUnavailable: The database or Redis is unavailable.
    """
    whose, now = chosen.tenant, runtime.clock()
    if chosen.open_opportunities:
        new = [new_rule(tenant=whose, every=every, now=now)]
    else:
        found = [
            new_watch(name, tenant=whose, every=every, now=now, company_key=company.key)
            for name, company in await _companies_named(runtime, chosen.names)
        ]
        new = list({each.id: each for each in found}.values())
    await runtime.schedule.watches.add(new)
    await runtime.schedule.due.put({each.id: each.next_at for each in new})
    return new


async def pause(runtime: Runtime, chosen: Choice) -> list[Watch]:
    """Stop looking up what is *chosen* until `resume`; return it. Raises as `Choice.watches`."""
    watches = await chosen.watches(runtime)
    await runtime.schedule.watches.pause([each.id for each in watches], paused=True)
    await runtime.schedule.due.drop([each.id for each in watches])
    return watches


async def resume(runtime: Runtime, chosen: Choice) -> list[Watch]:
    """Go on with what is *chosen*; return it. Raises as `Choice.watches`."""
    watches = await chosen.watches(runtime)
    await runtime.schedule.watches.pause([each.id for each in watches], paused=False)
    await runtime.schedule.due.put({each.id: each.next_at for each in watches})
    return watches


async def remove(runtime: Runtime, chosen: Choice) -> list[Watch]:
    """Stop watching what is *chosen*; return it. Raises as `Choice.watches`."""
    watches = await chosen.watches(runtime)
    await runtime.schedule.watches.remove([each.id for each in watches])
    await runtime.schedule.due.drop([each.id for each in watches])
    return watches


def watch_json(watch: Watch, now: datetime) -> dict[str, Any]:
    """Return *watch* as it is at *now*, for programs."""
    return {
        "id": str(watch.id),
        "kind": watch.kind.value,
        "tenant": watch.tenant,
        "company": watch.company or None,
        "company_key": watch.company_key or None,
        "every_s": watch.every // timedelta(seconds=1),
        "paused": watch.paused,
        "running": watch.job_id is not None,
        "due_in_s": max(0, round((watch.next_at - now).total_seconds())),
        "next_at": watch.next_at.isoformat(),
        "last_run_at": watch.ran_at and watch.ran_at.isoformat(),
        "last_outcome": watch.outcome,
        "spent_micros": watch.spent_micros,
    }


async def _resolve_names(runtime: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names* or keys with its company."""
    identities = [Mention(name).identify() for name in names]
    return list(zip(names, await runtime.identity.index.preview_all(identities), strict=True))


async def _companies_named(runtime: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names* with its company.

    Raises:
        AmbiguousCompany: A name means several companies, or none.
    """
    meant = await _resolve_names(runtime, names)
    for name, company in meant:
        if company.is_ambiguous:
            raise AmbiguousCompany(name)
    return meant
