"""The tables of `--show-evidence`."""

from datetime import UTC, datetime

import pytest

from agents.case import Claim, ClaimField, Evidence
from agents.cdao import AssessmentCode, Bounds
from orchestrator.cli.explain import LONGEST, on_one_line, show_evidence
from orchestrator.evidence.model import Agreement, Step
from orchestrator.evidence.profile import SourceShown
from orchestrator.evidence.waterfall import Skip, Stop
from orchestrator.evidence.website import Candidate, WebsiteChoice
from orchestrator.purchasing import EvidenceShown, StepShown

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
EVIL = "Acme\x1b[31m\u202e [red]evil[/red]\x00"
SHOWN = EvidenceShown(
    "acme",
    is_current=True,
    has_steps=True,
    steps=(
        StepShown(
            Step.MAPS,
            bought_at=NOW,
            cost_micros=3_500,
            items=1,
            brought=(ClaimField.SECTOR,),
            score=54,
            bounds=Bounds(12, 81, frozenset({AssessmentCode.VIABLE, AssessmentCode.POOR_FIT})),
        ),
        StepShown(Step.SEARCH, failure="source_refused"),
    ),
    stopped=Stop.EXHAUSTED,
    not_bought={Step.CRAWL: Skip.NO_SITE, Step.JOBS: None},
    threshold=65,
    sources=(SourceShown(Step.MAPS, EVIL, "https://x.example/", Agreement.WEAK, (EVIL,)),),
    website=WebsiteChoice(
        None, None, ("no site is good enough",), (Candidate("x.example", EVIL, 1.5, (EVIL,)),)
    ),
    evidence=Evidence(
        company="Acme",
        claims=(
            Claim(
                field=ClaimField.DESCRIPTION,
                value=EVIL,
                confidence=0.8,
                as_of=NOW,
                quote=f"{EVIL}\n{EVIL}",
                source_url=EVIL,
                status=EVIL,
                method=EVIL,
                alternatives=(EVIL,),
            ),
        ),
    ),
    cost_micros=3_500,
)


def test_the_tables_say_what_was_bought_and_why_no_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, prices, bounds, failures, and the reason for each step that was not bought."""
    monkeypatch.setenv("COLUMNS", "250")

    show_evidence(SHOWN)

    printed = capsys.readouterr().out
    maps, search = (
        next(x for x in printed.splitlines() if x.startswith(f"Google {n}"))
        for n in ("Maps", "search")
    )
    assert maps.split()[2:8] == ["$0.0035", "2026-11-30", "12:00:00", "1", "sector", "54"]
    assert "12-81" in maps
    assert "poor_fit, viable" in maps
    assert "source_refused" in search
    assert "the company's website: not bought: no website is known" in printed
    assert "Indeed: not bought" in printed
    assert "no site is good enough" in printed


def test_the_sentences_are_spanish_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of sources, headers and reasons; what a terminal shows of the web stays as it is."""
    monkeypatch.setenv("EMASAI_LANGUAGE", "es")

    show_evidence(SHOWN)

    printed = capsys.readouterr().out
    assert "la web de la empresa: no se compra: no se conoce ninguna página web" in printed
    assert "No se ha elegido ninguna página web." in printed
    assert "comprado (UTC)" in printed


def test_text_from_the_web_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    """No cell can move the cursor, colour anything, or turn the writing direction."""
    show_evidence(SHOWN)

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert "\x00" not in printed
    assert "[red]" in printed


def test_what_comes_from_the_archive_or_without_steps_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one line each."""
    show_evidence(EvidenceShown("acme", is_current=False, has_steps=False))

    assert capsys.readouterr().out.splitlines() == [
        "From the archive: the next lookup buys.",
        "The seller gives one answer: it names no steps, nor what it looked at.",
    ]


def test_a_long_text_is_cut() -> None:
    """A quote of megabytes fills no screen."""
    assert len(on_one_line("a b\n" * 1_000_000)) == LONGEST
