"""What a seller may do to its buyers, one case each, and what must come of it.

Each case is bought through the whole stack of one process: real HTTP, a real Valkey, SQLite. It is
asked for three times, as workers and people do; the seller goes wrong with the first order only.
A company counts as not charged only where that is known: what cannot be known is
uncertain in the ledger, and `answer_lost` for lookups.
"""

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.handlers import CompanyHandler
from orchestrator.jobs import JobContext
from tests.support.audit import Audit
from tests.support.hostile_seller import Behaviour, Mishap
from tests.support.installation import running_installation

#: Seconds that an answer may take: more than a lease, less than a silence.
_LEASE_S, _SLOW_S, _TIMEOUT_S = 0.5, 2.0, 4.0
COMPANY = "Hostil Uno"
ENRICHED, LOST = "enriched", "failed answer_lost"


@dataclass(frozen=True, slots=True)
class Case:
    """A seller's behaviour by a protocol, and the outcome that its buyers get in the end.

    `healed` is how it behaves from the second time on that the company is asked for.
    """

    name: str
    protocol: str
    behaviour: Behaviour
    outcome: str = ENRICHED
    healed: Behaviour = field(default_factory=Behaviour)
    variables: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}, {self.protocol}"


def _both(name: str, behaviour: Behaviour, *, by_enrich: str = ENRICHED) -> tuple[Case, Case]:
    """Return a case by both protocols; only run ids tell afterwards what became of an order."""
    return (
        Case(name, "enrich", behaviour, by_enrich),
        Case(name, "workspace", behaviour),
    )


CASES: tuple[Case, ...] = (
    *_both("clean", Behaviour()),
    *_both("slow answer", Behaviour(_SLOW_S, _SLOW_S)),
    *_both("accepted, then silent", Behaviour(mishap=Mishap.SILENCE), by_enrich=LOST),
    *_both("accepted, then reset", Behaviour(mishap=Mishap.RESET), by_enrich=LOST),
    *_both("500 after charging", Behaviour(mishap=Mishap.ERROR_AFTER_CHARGE), by_enrich=LOST),
    *_both("503 instead of accepting", Behaviour(mishap=Mishap.REFUSED)),
    Case(
        "listing unavailable",
        "workspace",
        Behaviour(mishap=Mishap.RESET, listing_fails=True),
    ),
    Case(
        "declared safe",
        "enrich",
        Behaviour(mishap=Mishap.RESET, honours_key=True),
        healed=Behaviour(honours_key=True),
        variables={"EMASAI_HONOURS_IDEMPOTENCY_KEY": "true"},
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: `outcomes` has what each lookup got."""

    case: Case
    outcomes: list[str]
    books: Audit

    @property
    def faults(self) -> list[str]:
        """Where a promise was broken."""
        is_exact = self.case.protocol == "workspace"
        faults = self.books.faults(is_exact=is_exact)
        if self.outcomes[-1] != self.case.outcome:
            faults.append(f"the last one got '{self.outcomes[-1]}'")
        if self.case.outcome == LOST and set(self.outcomes) != {LOST}:
            faults.append(f"it cannot be known, and they got {self.outcomes}")
        return faults


async def try_case(case: Case, folder: Path) -> Verdict:
    """Buy the company of *case*, and ask for it twice more."""
    variables = {
        "EMASAI_LEASE_S": str(_LEASE_S),
        "EMASAI_FAILURE_TTL_S": "0.2",
        "EMASAI_SURFSENSE_TIMEOUT_S": str(_TIMEOUT_S),
        **case.variables,
    }
    async with running_installation(
        folder, protocol=case.protocol, variables=variables
    ) as installation:
        parts, outcomes = installation.parts, list[str]()
        handler = CompanyHandler(parts.purchasing.enricher)
        for behaviour in (case.behaviour, case.healed, case.healed):
            installation.seller.behave(behaviour)
            context = JobContext(None, parts.settings.tenant, capped=False)
            result = (await handler(COMPANY, context)).result
            outcomes.append(" ".join(filter(None, [result["status"], result.get("code")])))
            await parts.worker.sweeper.sweep()
        return Verdict(case, outcomes, installation.audit())
