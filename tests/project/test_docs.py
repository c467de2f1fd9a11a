"""Documents: their links lead somewhere, and what their tables list is what the code has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.handlers.explanation import Retry, retry_of
from orchestrator.http.errors import PROBLEMS
from orchestrator.jobs import JobKind
from orchestrator.surfsense import (
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    ServiceUnavailable,
    errors,
)
from orchestrator.surfsense.seller import failure_on
from tests.model.invariants import ALWAYS, QUIET
from tests.support.cases import NOW
from tests.support.project import ROOT, project_files_like, read
from tools import cli_reference, lead_files

_LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"`([^`]+)`")


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as the hosting sites make them."""
    headings = _HEADING.findall(_FENCED.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def _dead_links(path: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCED.sub("", path.read_text("utf-8"))):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield f"{path.relative_to(ROOT)}: {link}"


def _rows(name: str, heading: str) -> list[list[str]]:
    """Return the cells of all tables below *heading*, up to the next heading as large."""
    level = heading.partition(" ")[0]
    _, _, rest = read(name).partition(f"\n{heading}\n")
    assert rest, f"{name} has no {heading!r}"
    section = re.split(rf"^{level} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line.strip()[1:-1] for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def test_links_between_documents_lead_somewhere() -> None:
    """Each names a file that exists, and a heading in it."""
    dead = [link for path in project_files_like("*.md") for link in _dead_links(path)]

    assert dead == []


def test_the_command_line_reference_is_generated() -> None:
    """`python -m tools.cli_reference` changes nothing."""
    assert cli_reference.page() == read("docs/cli.md")


def test_the_page_of_lead_files_is_generated() -> None:
    """`python -m tools.lead_files` changes nothing."""
    assert lead_files.page() == read("docs/lead-files.md")


def test_log_events_that_operators_are_told_of_are_written() -> None:
    """What want a person are names of events in the code."""
    rows = _rows("docs/operations.md", "## What to watch")
    named = {event for row in rows for event in re.findall(r"`([a-z]+\.[a-z_]+)`", row[0])}
    code = "\n".join(
        path.read_text("utf-8")
        for path in project_files_like("*.py")
        if path.relative_to(ROOT).parts[0] in {"orchestrator", "tasks"}
    )

    assert len(named) > 20
    assert {event for event in named if f'"{event}"' not in code} == set()


def test_the_model_s_promises_are_listed() -> None:
    """The page has each invariant by its name, and no other."""
    listed = {
        name
        for row in _rows("docs/protocol.md", "## Invariants (`tests/model/invariants.py`)")
        for name in _NAME.findall(row[0])
    }

    assert listed == {promise.__name__ for promise in (*ALWAYS, *QUIET)}


def test_failures_of_the_protocols_are_classes_of_errors() -> None:
    """A reader finds each under the name that the tables give it."""
    named = {
        name
        for heading in ("## `enrich`", "## `workspace`")
        for row in _rows("docs/surfsense-protocols.md", heading)
        for name in re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", " ".join(row[1:2]))
    }

    assert len(named) > 5
    assert {name for name in named if not hasattr(errors, name)} == set()


@pytest.mark.parametrize("status", range(500, 600))
def test_a_5xx_means_what_the_table_says(status: int) -> None:
    """Those that are named cost nothing; any other one is a lost answer."""
    (free,) = (
        row[0]
        for row in _rows("docs/surfsense-protocols.md", "## `enrich`")
        if row[0].startswith("503")
    )

    error: EnrichmentError = failure_on(status, {}, b"", company="Acme", now=NOW)

    is_free = str(status) in re.findall(r"\d+", free)
    assert type(error) is (ServiceUnavailable if is_free else AnswerLost)


def test_reasons_are_queued_again_as_the_table_says() -> None:
    """By themselves, or only where they are named."""
    rows = _rows("docs/operations.md", "## What has failed")
    told: dict[str, set[str]] = {}
    last = ""
    for first, reasons, *_ in rows[2:]:
        last = first.strip("`") or last
        codes = {code for code in _NAME.findall(reasons) if re.fullmatch(r"[a-z_]+", code)}
        told.setdefault(last, set()).update(codes)

    assert {MalformedAnswer.code, AnswerLost.code} <= told[Retry.NAMED]
    for retry in (Retry.NOW, Retry.NAMED):
        assert {code for code in told[retry] if retry_of(JobKind.PIPELINE, code) is not retry} == (
            set()
        )


def test_every_problem_is_documented_and_met() -> None:
    """The page has the table of the code, and the code no problem that the table lacks."""
    rows = _rows("docs/http.md", "## Errors")[2:]
    documented = {_NAME.findall(code)[0]: (int(status), title) for status, code, title in rows}
    paths = (ROOT / "orchestrator/http").glob("*.py")
    table = re.compile(r"^PROBLEMS: .*?^\}", re.MULTILINE | re.DOTALL)
    source = "".join(table.sub("", path.read_text("utf-8")) for path in paths)
    refused = re.findall(r"""(?:HTTPStatus\.[A-Z_]+|_refusal\(|not_found\(),?\s*"(\w+)\"""", source)

    assert documented == PROBLEMS
    assert set(refused) <= set(PROBLEMS)
    assert [code for code in PROBLEMS if f'"{code}"' not in source] == ["unknown_oportunidad"]
