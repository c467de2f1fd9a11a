"""What people are told about a name that may mean several companies."""

from orchestrator.handlers.ambiguity import NAMED, explain_ambiguity
from orchestrator.handlers.result import ItemStatus
from orchestrator.memo import Source
from orchestrator.purchasing import Enrichment, EnrichmentStatus


def _ambiguous(*candidates: str, source: Source | None = Source.BOUGHT) -> Enrichment:
    return Enrichment("acme", EnrichmentStatus.AMBIGUOUS, source, candidates=candidates)


def test_candidates_are_named_up_to_a_handful() -> None:
    """The sentence stays a sentence."""
    names = [f"Acme {number}" for number in range(NAMED + 1)]

    explanation = explain_ambiguity(_ambiguous(*names))

    assert explanation.status is ItemStatus.AMBIGUOUS
    for sentence in (explanation.reason.en, explanation.reason.es):
        assert all(name in sentence for name in names[:NAMED])
        assert names[NAMED] not in sentence


def test_a_name_that_says_nothing_was_not_looked_up() -> None:
    """Without a lookup the reason is the name itself, and that nothing was bought."""
    reason = explain_ambiguity(_ambiguous(source=None)).reason

    assert "nothing was bought" in reason.en
    assert "no se compró nada" in reason.es


def test_an_answer_without_candidates_asks_for_the_full_name() -> None:
    """SurfSense may say that a name is ambiguous and leave it at that."""
    assert "write the full name" in explain_ambiguity(_ambiguous()).reason.en
