"""What `--show-evidence` says of steps, from what is stored of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from agents.case import ClaimField, Lead
from agents.cdao import CdaoAgent, default_policy
from orchestrator.evidence.model import Agreement, Hit, Page, Place, Step
from orchestrator.evidence.waterfall import Skip, Stop
from orchestrator.purchasing import Rules, StepTaken, show_answer, show_steps, steps_in
from tests.unit.evidence.companies import (
    DOMAIN,
    NAME,
    NAMESAKE_PLACE,
    NOW,
    SUBJECT,
    hit,
    legal_page,
    page,
    place,
)

LEAD = Lead(id=UUID(int=0), company=NAME, contact="", email="", country="ES")
RULES = Rules(LEAD, CdaoAgent(default_policy()), ceiling_micros=17_000)
PRICES = {Step.MAPS: 3_500, Step.SEARCH: 5_500, Step.CRAWL: 8_000, Step.JOBS: 17_500}


def kept(step: Step, *items: Place | Hit | Page) -> dict[str, Any]:
    """Return what a step's entry keeps of *items*."""
    dumped = TypeAdapter(list[Place | Hit | Page]).dump_python(list(items), mode="json")
    return {"step": step.value, "items": dumped}


ANSWERS: Mapping[Step, dict[str, Any]] = {
    Step.MAPS: kept(Step.MAPS, place()),
    Step.SEARCH: kept(Step.SEARCH, hit()),
    Step.CRAWL: kept(Step.CRAWL, page(), legal_page()),
}


def taken(*steps: Step) -> list[StepTaken]:
    """Return *steps* in the order in which they were bought, a minute apart."""
    return [
        StepTaken(
            step,
            stored_at_ms=round((NOW + timedelta(minutes=n)).timestamp() * 1000),
            purchase_id=f"p{n}",
            cost_micros=PRICES[step],
        )
        for n, step in enumerate(steps)
    ]


def test_each_step_is_shown_in_the_order_it_was_bought_in() -> None:
    """With its price, its instant, what it brought, and what it cost in all."""
    bought = taken(Step.MAPS, Step.CRAWL)

    shown = show_steps("key", SUBJECT, bought[::-1], ANSWERS, RULES, stopped="decided")

    maps, crawl = shown.steps
    assert (maps.step, maps.cost_micros, maps.items) == (Step.MAPS, 3_500, 1)
    assert (crawl.step, crawl.bought_at) == (Step.CRAWL, NOW + timedelta(minutes=1))
    assert {ClaimField.SECTOR, ClaimField.PHONE, ClaimField.WEBSITE} <= set(maps.brought)
    assert {ClaimField.EMAIL, ClaimField.TAX_ID} <= set(crawl.brought)
    assert shown.cost_micros == 11_500
    assert shown.threshold == 65


def test_the_bounds_close_in_with_each_step() -> None:
    """What is known can only narrow what is possible, and the score lies within."""
    shown = show_steps("key", SUBJECT, taken(Step.MAPS, Step.CRAWL), ANSWERS, RULES)

    first, second = (each.bounds for each in shown.steps)
    assert first is not None
    assert second is not None
    assert first.lowest <= second.lowest
    assert second.highest <= first.highest
    for step in shown.steps:
        assert step.bounds is not None
        assert step.score is not None
        assert step.bounds.lowest <= step.score <= step.bounds.highest


@pytest.mark.parametrize("order", [(Step.MAPS, Step.CRAWL), (Step.CRAWL, Step.MAPS)])
def test_the_same_steps_end_alike_in_any_order(order: Sequence[Step]) -> None:
    """The score after the last step, and the values, do not depend on which came first."""
    shown = show_steps("key", SUBJECT, taken(*order), ANSWERS, RULES)
    other = show_steps("key", SUBJECT, taken(*order[::-1]), ANSWERS, RULES)

    assert shown.steps[-1].score == other.steps[-1].score
    assert shown.evidence is not None
    assert other.evidence is not None
    assert {(one.field, one.value) for one in shown.evidence.claims} == {
        (one.field, one.value) for one in other.evidence.claims
    }


def test_a_step_that_failed_is_shown_with_its_reason_and_counts_as_tried() -> None:
    """It cost nothing, brought nothing, and comes last."""
    failed = StepTaken(Step.MAPS, failure="source_refused")

    shown = show_steps("key", SUBJECT, [failed, *taken(Step.CRAWL)], ANSWERS, RULES)

    assert [each.step for each in shown.steps] == [Step.CRAWL, Step.MAPS]
    assert shown.steps[1].failure == "source_refused"
    assert shown.steps[1].brought == ()
    assert Step.MAPS not in (shown.not_bought or {})


def test_a_step_whose_answer_is_gone_leaves_the_bounds_open() -> None:
    """Neither its bounds nor those after it are made up; what the entry keeps is still shown."""
    answers = {Step.CRAWL: ANSWERS[Step.CRAWL]}
    assembled = {"sector": {"value": "manufacturing", "confidence": 0.9}}

    shown = show_steps(
        "key", SUBJECT, taken(Step.MAPS, Step.CRAWL), answers, RULES, answer=assembled
    )

    assert [each.bounds for each in shown.steps] == [None, None]
    assert [each.items for each in shown.steps] == [None, 2]
    assert shown.evidence is not None
    assert [claim.value for claim in shown.evidence.claims] == ["manufacturing"]


def test_what_was_not_bought_says_why() -> None:
    """Without a site nothing can be crawled, and Indeed costs more than is left."""
    answers = {Step.MAPS: kept(Step.MAPS), Step.SEARCH: kept(Step.SEARCH)}

    shown = show_steps("key", SUBJECT, taken(Step.MAPS, Step.SEARCH), answers, RULES)

    assert shown.stopped is Stop.EXHAUSTED
    assert shown.not_bought is not None
    assert shown.not_bought[Step.CRAWL] is Skip.NO_SITE
    assert set(shown.not_bought) == {Step.CRAWL, Step.PAGES, Step.JOBS}


def test_a_complete_profile_explains_why_nothing_more_was_bought() -> None:
    """Of an enrichment without a lead no verdict is at stake."""
    pages = kept(Step.CRAWL, page("Talleres Arriaga SL. Somos 85 empleados."), legal_page(), page())
    answers = {**ANSWERS, Step.CRAWL: pages}

    shown = show_steps(
        "key", SUBJECT, taken(Step.MAPS, Step.CRAWL), answers, RULES, stopped="decided"
    )

    assert (shown.stopped, shown.for_profile) == (Stop.DECIDED, True)
    left = [Step.SEARCH, Step.PAGES, Step.JOBS]
    assert shown.not_bought == dict.fromkeys(left, Skip.DECIDED)


def test_a_stop_that_no_rule_explains_is_not_explained() -> None:
    """Rules, prices and wishes may have been others then."""
    shown = show_steps("key", SUBJECT, taken(Step.MAPS), ANSWERS, RULES, stopped="capped")

    assert shown.stopped is Stop.CAPPED
    assert shown.not_bought == dict.fromkeys([Step.SEARCH, Step.CRAWL, Step.PAGES, Step.JOBS])


def test_an_unknown_stop_is_none() -> None:
    """Another version may have words of its own."""
    shown = show_steps("key", SUBJECT, taken(Step.MAPS, Step.CRAWL), ANSWERS, RULES, stopped="?")

    assert shown.stopped in {None, *Stop}


def test_what_was_looked_at_says_whether_it_is_the_company() -> None:
    """A namesake's place is shown, and nothing is taken from it."""
    answers = {Step.MAPS: kept(Step.MAPS, place(), NAMESAKE_PLACE)}

    shown = show_steps("key", SUBJECT, taken(Step.MAPS), answers, RULES)

    own, other = shown.sources
    assert own.agreement is Agreement.AGREE
    assert other.agreement is not Agreement.AGREE
    assert other.reasons
    assert other.taken == ()
    assert shown.website is not None
    assert shown.website.domain == DOMAIN


def test_without_an_agent_that_has_bounds_the_rest_is_shown() -> None:
    """Another pipeline judges by other rules."""
    rules = replace(RULES, judge=None)

    shown = show_steps("key", SUBJECT, taken(Step.MAPS), ANSWERS, rules)

    assert (shown.threshold, shown.steps[0].bounds) == (None, None)
    assert shown.steps[0].brought


def test_an_answer_without_steps_shows_its_values() -> None:
    """One answer of `enrich` names no steps, so none are shown."""
    payload = {"answer": {"sector": "retail"}, "cost_micros": 46_500}

    shown = show_answer("key", NAME, payload, NOW)

    assert (shown.has_steps, shown.steps, shown.cost_micros) == (False, (), 46_500)
    assert shown.evidence is not None
    assert [claim.value for claim in shown.evidence.claims] == ["retail"]
    assert show_answer("key", NAME, {}, NOW).evidence is None


def test_what_is_shown_is_json() -> None:
    """All of it: steps, bounds, reasons, sources, values, candidates."""
    shown = show_steps("key", SUBJECT, taken(Step.MAPS, Step.CRAWL), ANSWERS, RULES)

    said = shown.as_json()

    TypeAdapter(dict[str, Any]).dump_json(said)
    assert [each["step"] for each in said["steps"]] == ["maps", "crawl"]
    assert set(said["steps"][0]["bounds"]) == {"lowest", "highest", "verdicts"}
    assert said["website"]["domain"] == DOMAIN
    assert {each["quote"] for each in said["values"] if each["field"] == "email"}


@pytest.mark.parametrize("steps", [None, "x", [1, {"step": "telepathy"}, {}]])
def test_steps_that_cannot_be_read_are_left_out(steps: object) -> None:
    """Another program may have written the entry."""
    assert steps_in({"steps": steps}) == ()


def test_steps_are_read_as_they_were_stored() -> None:
    """Without their answers, which the entry of each step has."""
    bought = taken(Step.MAPS, Step.CRAWL)

    assert steps_in({"steps": [each.to_json() for each in bought]}) == tuple(bought)
