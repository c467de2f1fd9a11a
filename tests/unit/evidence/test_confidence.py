"""A value's status follows from its independent sources, and its number from the table."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.case import ClaimField
from orchestrator.evidence.confidence import (
    EXCLUSIVE,
    SINGLE,
    Judged,
    Statement,
    Status,
    confidence_of,
    judge,
    same,
)
from orchestrator.evidence.model import Method, Observed, Step

_SITE = "acme.example"


def stated(
    value: str | int = "retail",
    *,
    field: ClaimField = ClaimField.SECTOR,
    method: Method = Method.PAGE_TEXT,
    origin: str = _SITE,
    is_proof: bool = False,
    confidence: float | None = None,
) -> Statement:
    """Return a statement; the one of `_SITE` stands on the company's own site."""
    observed = Observed(
        field=field,
        value=value,
        quote=str(value),
        method=method,
        step=Step.MAPS if origin == "maps" else Step.CRAWL,
        source_url=f"https://{origin}/",
        confidence=confidence,
    )
    return Statement(observed, origin, is_own_site=origin == _SITE, is_proof=is_proof)


def only(*statements: Statement) -> Judged:
    """Return the one value that statements about one field come to."""
    ((judged,),) = judge(statements).values()
    return judged


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([stated()], Status.SINGLE_SOURCE),
        ([stated(), stated()], Status.SINGLE_SOURCE),
        ([stated(origin="maps"), stated(origin="news.example")], Status.CORROBORATED),
        ([stated(), stated(origin="maps")], Status.VERIFIED),
        ([stated(is_proof=True)], Status.VERIFIED),
    ],
)
def test_independent_sources_make_the_status(statements: list[Statement], status: Status) -> None:
    """One source says little; a second one that is not the same counts, the own site most."""
    judged = only(*statements)

    assert judged.status is status
    assert judged.confidence == confidence_of(Method.PAGE_TEXT, status)


@pytest.mark.parametrize("method", [Method.WORD_LIST, Method.MAPS_CATEGORY])
def test_a_conclusion_is_not_verified_by_one_page(method: Method) -> None:
    """Even the lead's own page does not state the sector that its words point to."""
    assert only(stated(method=method, is_proof=True)).status is Status.SINGLE_SOURCE


def test_equal_support_for_two_values_needs_a_person() -> None:
    """The best is kept with its alternative, and hardly believed."""
    judged = only(stated("retail", origin="maps"), stated("tourism", origin="news.example"))

    assert judged.status is Status.CONFLICTING
    assert {judged.value, *judged.alternatives} == {"retail", "tourism"}
    assert judged.confidence == confidence_of(Method.PAGE_TEXT, Status.CONFLICTING)


@pytest.mark.parametrize(
    ("supporters", "rivals", "status"),
    [
        ((_SITE, "maps"), ("other.example",), Status.CORROBORATED),
        ((_SITE, "maps"), ("other.example", "third.example"), Status.CORROBORATED),
        (("maps", "third.example"), ("other.example",), Status.SINGLE_SOURCE),
    ],
)
def test_a_rival_with_less_support_costs_one_step(
    supporters: tuple[str, ...], rivals: tuple[str, ...], status: Status
) -> None:
    """What is better supported stays, believed less, beside what contradicts it."""
    judged = only(
        *(stated("retail", origin=origin) for origin in supporters),
        *(stated("tourism", origin=origin) for origin in rivals),
    )

    assert (judged.value, judged.alternatives) == ("retail", ("tourism",))
    assert judged.status is status


def test_what_one_source_states_less_clearly_is_weaker() -> None:
    """A tax id tells a company's country better than an address on the same site does."""
    tax_id = stated("ES", field=ClaimField.COUNTRY, method=Method.CHECK_DIGIT)
    address = stated("PT", field=ClaimField.COUNTRY)
    elsewhere = stated("PT", field=ClaimField.COUNTRY, origin="maps")
    proven = stated("ES", field=ClaimField.COUNTRY, method=Method.CHECK_DIGIT, is_proof=True)

    assert only(address, proven).status is Status.CORROBORATED
    assert only(elsewhere, tax_id).status is Status.CONFLICTING
    assert only(address, tax_id).value == "ES"


def test_a_source_that_contradicts_itself_needs_a_person() -> None:
    """Two tax ids in one legal notice, and nothing that says whose they are."""
    ids = [stated(v, field=ClaimField.TAX_ID, method=Method.CHECK_DIGIT) for v in ("A1", "B2")]

    assert only(*ids).status is Status.CONFLICTING


@pytest.mark.parametrize("field", sorted(set(ClaimField) - SINGLE))
def test_values_of_a_list_do_not_contradict_each_other(field: ClaimField) -> None:
    """A company has many addresses and phones."""
    values = judge([stated("a", field=field), stated("b", field=field)])[field]

    assert [judged.value for judged in values] == ["a", "b"]
    assert {judged.status for judged in values} == {Status.SINGLE_SOURCE}


def test_two_descriptions_are_no_contradiction() -> None:
    """Two texts say the same in other words; the better source is shown."""
    judged = only(
        stated("Makes tools", field=ClaimField.DESCRIPTION),
        stated("Tools", field=ClaimField.DESCRIPTION, method=Method.SEARCH_RESULT),
    )

    assert (judged.value, judged.status) == ("Makes tools", Status.SINGLE_SOURCE)
    assert judged.alternatives == ()


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (ClaimField.HEADCOUNT, 60, 64),
        (ClaimField.WEBSITE, "https://www.acme.example/es", "acme.example"),
        (ClaimField.SOCIAL, "https://www.linkedin.com/company/Acme/", "linkedin.com/company/acme"),
        (ClaimField.SOCIAL, "https://x.com/acme?lang=es", "http://x.com/acme#top"),
        (ClaimField.PHONE, "+34 944 000 111", "+34944000111"),
        (ClaimField.TAX_ID, "B-58818501", "b58818501"),
        (ClaimField.EMAIL, "Info@Acme.example", "info@acme.example"),
        (ClaimField.DESCRIPTION, "Makes  tools", "makes tools"),
    ],
)
def test_writings_of_one_value_are_the_same(
    field: ClaimField, one: str | int, other: str | int
) -> None:
    """What differs only in writing supports each other."""
    assert same(field, one) == same(field, other)


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (ClaimField.HEADCOUNT, 40, 60),
        (ClaimField.WEBSITE, "acme.example.com", "acme.example.org"),
        (ClaimField.SOCIAL, "https://x.com/acme", "https://x.com/bolt"),
        (ClaimField.PHONE, "+34944000111", "+34944000112"),
        (ClaimField.HIRING, 3, "3 chefs"),
    ],
)
def test_values_that_differ_are_not_the_same(
    field: ClaimField, one: str | int, other: str | int
) -> None:
    """Nothing is corroborated by something else."""
    assert same(field, one) != same(field, other)


def test_a_method_that_doubts_one_value_is_heard() -> None:
    """A sector that the rules are unsure of is not believed more than they do."""
    sure = stated(method=Method.WORD_LIST, confidence=0.99)
    unsure = stated(method=Method.WORD_LIST, confidence=0.7)
    backed = stated(origin="maps", method=Method.MAPS_CATEGORY)

    assert only(sure).confidence == confidence_of(Method.WORD_LIST, Status.SINGLE_SOURCE)
    assert only(unsure).confidence == 0.7
    # A second source makes up for the doubt.
    assert only(unsure, backed).confidence == confidence_of(Method.WORD_LIST, Status.VERIFIED)


def test_the_better_supported_a_value_is_the_more_it_is_believed() -> None:
    """The table never prefers less support."""
    for method in Method:
        numbers = [confidence_of(method, status) for status in Status]

        assert numbers == sorted(numbers, reverse=True)
        assert len(set(numbers)) == len(numbers)


def test_a_conflict_is_below_what_decides_against_a_lead() -> None:
    """No contested fact ends the matter whatever the score: the policy asks for 0.5."""
    assert all(confidence_of(method, Status.CONFLICTING) < 0.5 for method in Method)


_STATEMENTS = st.lists(
    st.builds(
        stated,
        st.sampled_from(["retail", "tourism", "energy"]),
        field=st.sampled_from([ClaimField.SECTOR, ClaimField.EMAIL, ClaimField.DESCRIPTION]),
        method=st.sampled_from(Method),
        origin=st.sampled_from([_SITE, "maps", "news.example"]),
        is_proof=st.booleans(),
        confidence=st.none() | st.sampled_from([0.2, 0.8]),
    ),
    max_size=8,
)


@given(_STATEMENTS, st.randoms(use_true_random=False))
def test_order_changes_nothing(statements: list[Statement], chance: random.Random) -> None:
    """The same evidence is judged the same, however it comes."""
    shuffled = [*statements]
    chance.shuffle(shuffled)

    assert judge(shuffled) == judge(statements)


@given(_STATEMENTS)
def test_every_value_is_one_that_was_stated(statements: list[Statement]) -> None:
    """Nothing is made up, and nothing is lost but what has no room in a single field."""
    given_values = {(one.observed.field, one.observed.value) for one in statements}

    judged = judge(statements)

    for field, values in judged.items():
        kept = [one.value for one in values] + [v for one in values for v in one.alternatives]
        stated_values = {value for of_field, value in given_values if of_field is field}
        assert set(kept) <= stated_values
        if field not in SINGLE or field in EXCLUSIVE:
            assert set(kept) == stated_values
        assert all(
            statement.observed in {t.observed for t in statements}
            for one in values
            for statement in one.support
        )


@given(_STATEMENTS)
def test_no_support_is_worth_less_for_a_further_source(statements: list[Statement]) -> None:
    """A value that one more source states is not believed less."""
    if not statements:
        return
    first = statements[0].observed
    before = {v.value: v.confidence for v in judge(statements)[first.field]}
    further = stated(first.value, field=first.field, method=first.method, origin="fourth.example")

    after = {v.value: v.confidence for v in judge([*statements, further])[first.field]}

    if first.value in before and first.value in after:
        assert after[first.value] >= before[first.value]
