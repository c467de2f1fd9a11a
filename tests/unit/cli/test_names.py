"""Names given to `emasai enrich` are looked up side by side, independently of each other."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.dispatch import Terms
from orchestrator.identity import InvalidCompanyName, Mention
from orchestrator.infra.redis_client import StoreFull
from orchestrator.jobs import JobContext, NotNow
from orchestrator.lookup import AT_ONCE, look_up_all
from orchestrator.surfsense import ServiceUnavailable

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CONTEXT = JobContext(None, "default", capped=False)


class _Enricher:
    """Fails for each name as scripted, once *side_by_side* lookups are under way."""

    def __init__(self, side_by_side: int, faults: Mapping[str, Exception]) -> None:
        self._all_there = asyncio.Barrier(side_by_side)
        self._faults = faults
        self.asked = 0
        self.most = 0

    async def identify(self, mention: Mention) -> None:
        self.asked += 1
        self.most = max(self.most, self.asked)
        async with asyncio.timeout(10):
            await self._all_there.wait()
        self.asked -= 1
        raise self._faults.get(mention.name, ServiceUnavailable(mention.name, "503"))


def _parts(enricher: _Enricher) -> Any:  # noqa: ANN401 - stands in for a whole runtime
    return SimpleNamespace(purchasing=SimpleNamespace(enricher=enricher), clock=lambda: NOW)


def _mentions(*names: str) -> list[Mention]:
    return [Mention(name) for name in names]


async def test_names_are_looked_up_side_by_side_and_reported_in_order() -> None:
    """Each with its own outcome: a full server, a blank name, an error of the seller."""
    faults = {"Acme": StoreFull("get"), "-": InvalidCompanyName("-", "blank")}
    parts = _parts(_Enricher(3, faults))

    reports = await look_up_all(parts, _mentions("Acme", "-", "Beta"), Terms(), CONTEXT, None)

    said = [(each.result.get("company"), each.result["code"]) for each in reports]
    assert said == [
        ("Acme", "unavailable"),
        ("-", "invalid_company_name"),
        ("Beta", "service_unavailable"),
    ]


async def test_no_more_than_some_at_a_time() -> None:
    """A thousand names do not open a thousand lookups."""
    enricher = _Enricher(AT_ONCE, {})
    names = [f"Company {number}" for number in range(2 * AT_ONCE)]

    await look_up_all(_parts(enricher), _mentions(*names), Terms(), CONTEXT, None)

    assert enricher.most == AT_ONCE


async def test_what_has_not_begun_by_the_deadline_fails() -> None:
    """It is not looked up."""
    parts = _parts(_Enricher(9, {}))

    (report,) = await look_up_all(parts, _mentions("Acme"), Terms(deadline=NOW), CONTEXT, None)

    assert report.failure == "deadline"
    assert parts.purchasing.enricher.asked == 0


async def test_a_command_without_any_result_fails() -> None:
    """As every command does whose backends are unavailable."""
    away = {"Acme": StoreFull("get"), "Beta": StoreFull("get")}
    terms = Terms(deadline=NOW + timedelta(hours=1))

    with pytest.raises(NotNow, match="Redis"):
        await look_up_all(_parts(_Enricher(2, away)), _mentions(*away), terms, CONTEXT, None)


async def test_a_python_caller_gets_the_error_of_the_backend() -> None:
    """It names what is unavailable, as every other method of the front door does."""
    parts = _parts(_Enricher(1, {"Acme": StoreFull("get")}))

    with pytest.raises(StoreFull):
        await Orchestrator(parts).enrich("Acme", tenant="acme")
