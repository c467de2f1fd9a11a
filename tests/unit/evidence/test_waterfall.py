"""The next step is the cheapest that can still change something, and a stop says why."""

from collections.abc import Collection

import pytest

from agents.case import ClaimField
from orchestrator.evidence.model import Step
from orchestrator.evidence.waterfall import (
    DEFAULT_CEILING_MICROS,
    Offer,
    Stop,
    Wants,
    next_step,
    offers_for,
)


def wanting(*fields: ClaimField) -> Wants:
    """Return a caller that wants evidence about any of *fields*."""
    return lambda offered: not offered.isdisjoint(fields)


def chosen(
    *,
    tried: Collection[Step] = (),
    has_site: bool = False,
    has_place: bool = True,
    spent: int = 0,
    wants: Wants,
) -> Step | Stop:
    """Return the step that is chosen by default, or why none is."""
    result = next_step(
        offers_for(has_place=has_place),
        tried=tried,
        has_site=has_site,
        spent_micros=spent,
        ceiling_micros=DEFAULT_CEILING_MICROS,
        wants=wants,
    )
    return result.step if isinstance(result, Offer) else result


@pytest.mark.parametrize(
    ("has_place", "has_site", "expected"),
    [(True, False, Step.MAPS), (False, False, Step.SEARCH), (False, True, Step.CRAWL)],
)
def test_the_first_step_depends_on_what_is_known(
    *, has_place: bool, has_site: bool, expected: Step
) -> None:
    """A site is crawled; else a company with a place is looked up on the map."""
    step = chosen(has_place=has_place, has_site=has_site, wants=wanting(ClaimField.SECTOR))

    assert step is expected
