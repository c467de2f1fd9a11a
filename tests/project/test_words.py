"""Code, tests and pages are written in plain technical English, in the words of the field."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.project import ROOT, project_files

#: Names that were renamed, and the word that took their place.
RENAMED: Final = {
    r"\bdoorbells?\b|\bDoorbell|\brung\b": "wake-up, Notifier",
    r"(?i)\bcouriers?\b": "outbox relay",
    r"\bComplaint\b": "throttled log",
    r"\bBecause\.[A-Z]|\bRulings?\b|\bBook\b": "match reason, identity rules",
    r"\bfirsts\b": "first_occurrences",
    r"\bLanding\b|\bSeat\b|(?i:\btenures?\b)|\bBeginning\b": "flight result, lease holder, clock",
    r"(?i)\bglances?\b|\bforeseen?\b": "preview",
    r"\bWorth\b|\bLastKnown\b|\blast_known\b|\bRecall\b": "refresh policy, archived evidence",
    r"\bVitals\b": "health checks",
    r"\bPurpose\b": "billing context",
    r"(?i)\bpermits?\b": "send guard",
    # Operators watch for the log events `stray.*`.
    r"\bstrays?\b(?!\.)": "orphaned run",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"(?i)\bdesks?\b|\bworkshop\b|\binvention\b": "enrich endpoint, run simulator, fake data",
}
#: Words that hide who acts, and idioms that have a plain word.
UNPLAIN: Final = {
    r"(?i)\b(no|some|any|every)body\b": "the caller, the worker ...",
    r"(?i)\b(whoever|no one|someone|anyone|everyone)\b": "the caller, the worker ...",
    r"\bfor ever\b": "permanently, without limit",
    r"\bsome day\b": "in the end",
    r"\ball the same\b": "still",
    r"\banother than\b": "other than, different from",
    r"\bslip of the pen\b": "probably a typo",
    r"\b(ours|server|Redis|backend|SurfSense|database|broker) is (away|down)\b": "is unavailable",
}
#: Not read: the history, and other languages.
_LEFT_OUT: Final = ("CHANGELOG.md", "README.es.md", "tests/project/test_words.py")
#: Word lists, of several languages.
_DATA: Final = "orchestrator/evidence/data/"
_KINDS: Final = {".py", ".lua", ".md", ".toml", ".yml"}


def _texts() -> Iterator[tuple[str, str]]:
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in _KINDS and name not in _LEFT_OUT and not name.startswith(_DATA):
            yield name, path.read_text("utf-8")


def _found(word: str) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in _texts()
        if re.search(word, text)
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(word, line)
    ]


@pytest.mark.parametrize(("word", "instead"), RENAMED.items())
def test_a_renamed_thing_has_one_name(word: str, instead: str) -> None:
    """The old name is nowhere, so that a reader learns one word for one thing."""
    assert _found(word) == [], f"write: {instead}"


@pytest.mark.parametrize(("word", "instead"), UNPLAIN.items())
def test_sentences_have_concrete_subjects_and_plain_words(word: str, instead: str) -> None:
    """The caller, the worker or the server acts, never somebody."""
    assert _found(word) == [], f"write: {instead}"
