"""The seller of the sandbox's real world, asked in this process and without HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.measure import REPEATS
from orchestrator.embedded.sandbox import Behaviour
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.requests import REQUESTS
from orchestrator.embedded.sandbox.truth import catalogue_of, truth_about
from orchestrator.embedded.sandbox.verbs import Scene, perform, without_nulls
from orchestrator.evidence.gate import Answers
from orchestrator.evidence.model import Page, Step, Subject
from orchestrator.identity import company_phone
from orchestrator.surfsense.verbs import VERBS, answer_of, kept_in, request_of

JsonObject = dict[str, Any]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

#: Companies that are asked for, and with `--quick`.
_COMPANIES, _FEW_COMPANIES = 1_000, 200
FREE_MAIL = "gmail.com"


class Seller:
    """Sells what the verbs bring about the companies of one world."""

    def __init__(self, repeats: int, seed: int) -> None:
        """Invent the catalogue of a run of *repeats* from *seed*."""
        self.world = World(seed, _COMPANIES if repeats == REPEATS else _FEW_COMPANIES)
        self._scene = Scene(self.world, Behaviour(world="real"), NOW, attempt=1)

    def catalogue(self) -> Iterator[tuple[JsonObject, JsonObject]]:
        """Yield what leads know of each company, and the truth about it."""
        for row in catalogue_of(self.world):
            truth = truth_about(self.world, row["company"])
            assert truth is not None, "the catalogue has companies only"
            yield row, truth

    def buy(
        self, step: Step, subject: Subject, site: str | None = None, pages: Sequence[str] = ()
    ) -> tuple[tuple[Any, ...], int]:
        """Return what *step* brings about *subject*, and what it costs in micro-USD."""
        kind = REQUESTS[VERBS[step].capability]
        result = perform(
            kind.model_validate(request_of(step, subject, site=site, pages=pages)), self._scene
        )
        items = kept_in(step, answer_of(step, without_nulls(result.items)))
        return items, sum(charge.micros for charge in result.charges)


def answers_of(items: Mapping[Step, tuple[Any, ...]]) -> Answers:
    """Return what the steps brought, of those that were bought."""
    return Answers(
        maps=items.get(Step.MAPS),
        search=items.get(Step.SEARCH),
        crawl=pages_in(items),
        jobs=items.get(Step.JOBS),
    )


def pages_in(items: Mapping[Step, tuple[Any, ...]]) -> tuple[Page, ...] | None:
    """Return the pages of the site, of those that were bought; None if none were."""
    crawled = [items[step] for step in (Step.CRAWL, Step.PAGES) if step in items]
    return tuple(page for pages in crawled for page in pages) if crawled else None


def subject_of(row: JsonObject) -> Subject:
    """Return who is asked for when a lead has what *row* says, as `Mention.of_lead` has it."""
    country = row.get("country")
    phone = company_phone(row.get("phone"), country)
    return Subject(
        row["company"],
        domain=domain_of(row),
        country=country,
        city=row.get("city"),
        phones=(phone,) if phone else (),
    )


def domain_of(row: JsonObject) -> str | None:
    """Return the company's domain as far as its lead knows it."""
    website: str = row.get("website", "").removeprefix("https://www.").rstrip("/")
    mail: str = row.get("email_domain", FREE_MAIL)
    return website or (None if mail == FREE_MAIL else mail)
