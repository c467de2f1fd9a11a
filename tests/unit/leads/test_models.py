"""What a judgement leads to."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from agents.case import Decision
from orchestrator.leads import drafting, opportunity_id
from tests.support.cases import advance, discard

_LEAD = UUID("00000000-0000-0000-0000-000000000001")


def test_the_opportunity_id_never_changes() -> None:
    """Ids that were given out in the past stay valid in every later version."""
    assert opportunity_id(_LEAD) == UUID("8083c978-9b1a-5d2f-8851-45daa4cae146")


@given(st.uuids(), st.uuids())
def test_two_leads_share_no_opportunity(one: UUID, other: UUID) -> None:
    """Ids are equal only for the same lead, and never that of the lead itself."""
    assert (opportunity_id(one) == opportunity_id(other)) == (one == other)
    assert opportunity_id(one) != one


@given(st.permutations([advance("a"), discard("b"), advance("c")]))
def test_one_discard_is_enough(decisions: list[Decision]) -> None:
    """No order of the agents turns a discard into an opportunity."""
    assert drafting(decisions) is None


def test_the_last_draft_goes_to_sales() -> None:
    """An agent that refines the draft replaces it; one without a draft leaves it."""
    silent = advance("c").model_copy(update={"draft": None})

    found = drafting([advance("a", score=10), advance("b", score=90), silent])

    assert found is not None
    decision, draft = found
    assert (decision.agent, draft.score) == ("b", 90)


def test_without_a_draft_there_is_nothing_to_sell() -> None:
    """Agents that advance but draft nothing create no opportunity; nor do no agents."""
    silent = advance().model_copy(update={"draft": None})

    assert drafting([silent]) is None
    assert drafting([]) is None
