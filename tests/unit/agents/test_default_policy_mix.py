"""The packaged policy is neither a rubber stamp nor a wall."""

import random

from agents.case import Claim, Verdict
from agents.cdao import CdaoAgent, NewsCategory, Sector
from tests.unit.agents.builders import POLICY, case_of, claim

_COUNTRIES = ("ES", "ES", "MX", "CO", "AR", "CL", "PE")
_PRODUCTS = ("Salesforce", "HubSpot", "SAP", "Shopify", "Odoo", "Excel", "Slack", "WordPress")
_EMAILS = ("ana@acme.example", "ana@acme.example", "ana@agency.example", "ana@gmail.com")
# Good news is more common than bad, in the order of the enumeration.
_NEWS_WEIGHTS = (3, 0.5, 3, 4, 0.5, 2, 2, 4)


def _well_evidenced(dice: random.Random) -> list[Claim]:
    """Return claims of a company as a good source describes one: spread in size and sector."""

    def say(field: str, value: str | int, days: int = 400) -> Claim:
        confidence, age = dice.uniform(0.55, 0.95), dice.uniform(0, days)
        return claim(field, value, confidence=confidence, days_old=age)

    (category,) = dice.choices(list(NewsCategory), _NEWS_WEIGHTS)
    return [
        say("sector", dice.choice(list(Sector))),
        say("country", dice.choice(_COUNTRIES)),
        say("headcount", max(1, int(dice.lognormvariate(5.2, 1.9)))),
        say("website", "https://acme.example"),
        say("phone", "+34 900 000 000"),
        say("hiring", dice.randint(0, 40), days=120),
        say("news", f"{category}: Acme in the news", days=300),
        *(say("technology", name) for name in dice.sample(_PRODUCTS, dice.randint(0, 3))),
    ]


def test_about_half_of_the_known_companies_in_the_market_are_viable() -> None:
    """Sales gets a selection: at least a third of them, at most three fifths."""
    dice = random.Random(20261123)  # noqa: S311 - a reproducible mix, no secret
    agent = CdaoAgent(POLICY)
    cases = [case_of(*_well_evidenced(dice), email=dice.choice(_EMAILS)) for _ in range(400)]

    advanced = [c for c in cases if agent.decide(c).verdict is Verdict.ADVANCE]

    assert 0.35 <= len(advanced) / len(cases) <= 0.6
