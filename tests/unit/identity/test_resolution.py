"""Which company is meant, given what is claimed and decided; pure."""

from datetime import UTC, datetime

import pytest

from orchestrator.identity import Facts, identify
from orchestrator.identity.resolution import (
    BadDecision,
    DecisionKind,
    IdentityDecision,
    IndexState,
    MatchReason,
    NameAssignment,
    NewDecision,
    Resolved,
    assign,
    by_assignment,
    by_facts,
    by_name,
    check,
    companies_of,
    in_force,
)

MERGE, SPLIT, ALIAS, UNDO = DecisionKind
SPAIN = NameAssignment("acme", "Acme SL", Facts("acme.es", "ES", "S.L."))
GERMANY = NameAssignment("acme~globex.de", "Acme GmbH", Facts("globex.de", "DE", "GmbH"))
SHARED = IndexState(shared={"acme": (SPAIN, GERMANY)})


def _past(*entered: tuple[DecisionKind, str, str | None]) -> dict[int, IdentityDecision]:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return {
        number: IdentityDecision(number, kind, subject, target, "ana", "same site", at)
        for number, (kind, subject, target) in enumerate(entered, start=1)
    }


def _refusal(
    new: tuple[DecisionKind, str, str | None], *past: tuple[DecisionKind, str, str | None]
) -> str:
    entered = _past(*past)
    with pytest.raises(BadDecision) as refused:
        check(NewDecision(*new, "ana", "so it is"), in_force(entered.values()), entered)
    return str(refused.value)


def test_a_shared_name_alone_means_nobody_and_names_the_candidates() -> None:
    """Never another company's data: the caller gets the candidates."""
    resolved = by_facts(identify("Acme"), SHARED)

    assert resolved.is_ambiguous
    assert resolved.candidates == (
        "Acme SL (acme.es, ES, S.L.)",
        "Acme GmbH (globex.de, DE, GmbH)",
    )


@pytest.mark.parametrize(
    ("name", "country", "key"),
    [
        ("Acme", "ES", "acme"),
        ("Acme GmbH", None, "acme~globex.de"),
        ("Acme", "de", "acme~globex.de"),
    ],
)
def test_country_or_legal_form_choose_among_the_companies_of_a_shared_name(
    name: str, country: str | None, key: str
) -> None:
    """One that fits, and no other, is meant."""
    resolved = by_facts(identify(name, country=country), SHARED)

    assert (resolved.key, resolved.reason) == (key, MatchReason.FACTS)


def test_a_company_of_which_nothing_is_known_is_not_chosen_for_what_does_not_contradict_it() -> (
    None
):
    """Only a fact in common chooses."""
    unknown = NameAssignment("acme~acme.com", "Acme", Facts("acme.com"))
    state = IndexState(shared={"acme": (SPAIN, unknown)})

    assert by_facts(identify("Acme", country="FR"), state).is_ambiguous


def test_a_name_resolves_with_why_and_by_which_decisions() -> None:
    """What the history of a company shows, for each way that leads to it."""
    acme, german = identify("Acme"), identify("Acme", country="DE")
    merged = in_force(_past((MERGE, "acme~globex.de", "acme")).values())
    renamed = in_force(_past((MERGE, "acme", "globex")).values())
    split = IndexState(in_force(_past((SPLIT, "acme", None)).values()), SHARED.shared)
    candidates = ("Acme SL (acme.es, ES, S.L.)", "Acme GmbH (globex.de, DE, GmbH)")
    refined = "acme~globex.de"

    assert by_facts(acme, IndexState()) == Resolved(acme, "acme", MatchReason.NAME)
    assert by_facts(acme, IndexState(merged, SHARED.shared)) == Resolved(
        acme, "acme", MatchReason.NAME, former=(refined,)
    )
    assert by_facts(acme, IndexState(renamed)) == Resolved(
        acme, "globex", MatchReason.DECISION, decisions=(1,), former=("acme",)
    )
    assert by_facts(german, SHARED) == Resolved(german, refined, MatchReason.FACTS)
    assert by_facts(german, split) == Resolved(german, refined, MatchReason.FACTS, decisions=(1,))
    french = identify("Acme", country="FR")
    assert by_facts(french, split) == Resolved(french, "acme~fr", MatchReason.FACTS, decisions=(1,))
    assert by_facts(acme, split) == Resolved(acme, "acme", MatchReason.SHARED, candidates, (1,))
    assert by_assignment(acme, "acme", SHARED) == Resolved(acme, "acme", MatchReason.NAME)
    assert by_assignment(acme, refined, split) == Resolved(
        acme, refined, MatchReason.DOMAIN, decisions=(1,)
    )


@pytest.mark.parametrize("country", ["ES", "AT"])
def test_facts_that_contradict_a_company_do_not_choose_it(country: str) -> None:
    """A GmbH in Spain may be either company, one in Austria is not the one in Germany."""
    assert by_facts(identify("Acme GmbH", country=country), SHARED).is_ambiguous


def test_the_first_claim_has_the_name_and_another_company_a_key_of_its_own() -> None:
    """The same domain always leads to the same key; one difference makes no other company."""
    assert assign([], "acme", SPAIN.facts, is_split=False) == ("acme", True)
    assert assign([SPAIN], "acme", GERMANY.facts, is_split=False) == ("acme~globex.de", True)
    assignments = [SPAIN, GERMANY]
    assert assign(assignments, "acme", Facts("globex.de"), is_split=False) == (
        "acme~globex.de",
        False,
    )
    assert assign(assignments, "acme", Facts("acme.com"), is_split=False) == ("acme", True)


def test_of_the_companies_that_it_could_be_a_lead_belongs_to_the_closest() -> None:
    """The first one has no claim to a lead whose facts match a later one better."""
    assignments = [SPAIN, GERMANY]

    assert assign(assignments, "acme", Facts("globex.com"), is_split=False) == (
        "acme~globex.de",
        True,
    )
    assert assign(assignments, "acme", Facts("acme.com"), is_split=False) == ("acme", True)


def test_after_a_split_no_company_has_the_name_s_own_key() -> None:
    """What is stored under it could be of any of the companies."""
    state = IndexState(in_force(_past((SPLIT, "acme", None)).values()), {"acme": (SPAIN,)})

    assert by_facts(identify("Acme"), state).is_ambiguous
    assert by_facts(identify("Acme", country="ES"), state).key == "acme~acme.es"
    assert by_facts(identify("Acme", country="MX"), state).key == "acme~mx"
    assert assign([SPAIN], "acme", SPAIN.facts, is_split=True) == ("acme~acme.es", False)
    assert assign([SPAIN], "acme", Facts("other.es", "ES"), is_split=True)[0] == "acme~other.es"


def test_merges_are_followed_to_the_end_and_back() -> None:
    """An old key leads to the one in use, and to what was stored under it."""
    past = _past((MERGE, "a", "b"), (MERGE, "b", "c"))
    state = IndexState(in_force(past.values()))

    resolved = by_assignment(identify("A"), "a", state)

    assert (resolved.key, resolved.decisions, resolved.former) == ("c", (1, 2), ("a", "b"))
    assert resolved.query_name == "c"


def test_a_name_that_leads_to_a_company_has_given_no_key_way() -> None:
    """What was bought for the spelling may be of another company: listed, never served."""
    rules = in_force(_past((MERGE, "a", "b"), (ALIAS, "c", "b"), (ALIAS, "d.com", "b")).values())

    assert rules.merged["b"] == ("a",)
    assert rules.aliases_of("b") == ("c",)
    assert "c" not in rules.merged
    assert rules.aliases_of("c") == ()


def test_the_companies_of_a_name_have_the_keys_that_they_have_now() -> None:
    """After a split, and after a merge of what was split."""
    entered = _past((SPLIT, "acme", None), (MERGE, "acme~globex.de", "globex"))
    split = IndexState(in_force([entered[1]]))
    merged = IndexState(in_force(entered.values()))

    assert list(companies_of("acme", [SPAIN, GERMANY], IndexState())) == ["acme", "acme~globex.de"]
    assert list(companies_of("acme", [SPAIN], split)) == ["acme~acme.es"]
    assert companies_of("acme", [SPAIN, GERMANY], merged) == {
        "acme~acme.es": (SPAIN,),
        "globex": (GERMANY,),
    }


def test_what_is_undone_is_not_in_force() -> None:
    """Undoing is a decision, too; the first one stays in the list."""
    rules = in_force(_past((MERGE, "a", "b"), (SPLIT, "c", None), (UNDO, "1", None)).values())

    assert rules.final("a") == ("a", ())
    assert rules.splits == {"c": 2}


def test_the_seller_is_asked_for_the_company_and_not_for_its_key() -> None:
    """A refined key is asked for by the name as written and what refines it."""
    resolved = by_assignment(identify("Acme, GmbH"), "acme~globex.de", SHARED)

    assert resolved.query_name == "Acme, GmbH (globex.de)"


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("acme", "Acme, S.A."),
        ("acme~mx", "Acme, S.A. (MX)"),
        ("acme~mx~sa", "Acme, S.A. (MX)"),
        ("acme~~sa", "Acme, S.A."),
        ("grupo_acme~acme.mx", "grupo acme (acme.mx)"),
        (f"acme~x{'0' * 24}", "Acme, S.A."),
    ],
)
def test_a_refined_key_is_asked_for_by_the_domain_or_country_that_refines_it(
    key: str, asked: str
) -> None:
    """In words that the seller understands; a digest says nothing to it."""
    assert Resolved(identify("Acme, S.A."), key, MatchReason.KEY).query_name == asked


def test_a_long_domain_is_asked_for_in_full() -> None:
    """Its key has a digest in its place."""
    lead = identify("S.A.", domain=f"{'a' * 30}.{'b' * 30}.example.mx")

    assert lead.key.startswith("sa~x")
    assert by_name(lead).query_name == f"S.A. ({lead.facts.domain})"


def test_the_second_question_has_the_domain_unless_the_first_one_has_it() -> None:
    """Asked twice for the same words, the seller would answer and charge the same twice."""
    lead = identify("Acme, S.A.", domain="acme.mx")

    assert by_name(lead).query_with_domain == "Acme, S.A. (acme.mx)"
    for key in ("acme~acme.mx", "acme~acme.com"):
        assert Resolved(lead, key, MatchReason.KEY).query_with_domain is None
    assert by_name(identify("Acme, S.A.")).query_with_domain is None


def test_decisions_that_make_no_sense_are_refused() -> None:
    """Circles, a company with itself, what is decided already, what was never decided."""
    assert "already" in _refusal((MERGE, "a", "a"))
    assert "circle" in _refusal((MERGE, "c", "a"), (MERGE, "a", "b"), (MERGE, "b", "c"))
    assert "circle" in _refusal((ALIAS, "b", "a"), (ALIAS, "a", "b"))
    assert "decision 1" in _refusal((MERGE, "a", "c"), (MERGE, "a", "b"))
    assert "decision 1" in _refusal((SPLIT, "a", None), (SPLIT, "a", None))
    assert "split the name" in _refusal((SPLIT, "a~a.com", None))
    assert "merge it" in _refusal((ALIAS, "a~a.com", "b"))
    assert "would be no company" in _refusal((SPLIT, "b", None), (MERGE, "a", "b"))
    assert "would be no company" in _refusal((SPLIT, "b", None), (ALIAS, "a.com", "b"))
    assert "several companies by decision 1" in _refusal((MERGE, "b", "a"), (SPLIT, "a", None))
    assert "no decision 7" in _refusal((UNDO, "7", None))
    assert "undone already" in _refusal((UNDO, "1", None), (SPLIT, "a", None), (UNDO, "1", None))
    assert "anew" in _refusal((UNDO, "2", None), (SPLIT, "a", None), (UNDO, "1", None))


@pytest.mark.parametrize(
    ("by", "why", "sentence"), [("", "so", "who decides"), ("ana", " ", "why")]
)
def test_a_decision_says_who_and_why(by: str, why: str, sentence: str) -> None:
    """It is kept permanently."""
    with pytest.raises(BadDecision, match=f"it must say {sentence}"):
        check(NewDecision(SPLIT, "a", None, by, why), in_force([]), {})
