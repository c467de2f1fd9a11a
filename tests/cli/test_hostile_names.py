"""Names, reasons and tenants that hold terminal escapes and markup, through every command."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Emasai, Ended

#: Colours, a window title, C1, a carriage return, a change of direction, and rich's markup.
HOSTILE = "\x1b[31m[/bar]\x1b]0;owned\x07 \x9b2J\rNothing \u202eowned\u2066 [bold]:smile:\\"


def _company() -> str:
    return f"Compañía {uuid4().hex[:12]} {HOSTILE}"


def _is_safe(ended: Ended) -> bool:
    printed = ended.out + ended.err
    return ended.code != 1 and not set("\x1b\x07\x9b\r\u202e\u2066") & set(printed)


def test_the_console_shows_hostile_names_and_obeys_none(emasai: Emasai, tmp_path: Path) -> None:
    """Escapes are shown as such, markup as text, in tables and in sentences."""
    name, listing = _company(), tmp_path / "companies.csv"
    listing.write_text(f'empresa\n"{name}"\n', encoding="utf-8")
    commands = [
        ("enrich", name),
        ("enrich", name, "--dry-run"),
        ("enrich", name, "--patience", "1ms"),
        ("enrich", listing),
        ("explain", name),
        ("costs", "--by", "company"),
        ("schedule", "add", name, "--every", "7d"),
        ("schedule", "list"),
        ("schedule", "pause", f"not watched {HOSTILE}"),
        ("identity", "show", name),
        ("identity", "split", name, "--why", HOSTILE, "--by", HOSTILE),
        ("identity", "alias", HOSTILE, HOSTILE, "--why", HOSTILE),
        ("identity", "list"),
        ("invalidate", name),
        ("jobs", "list", "--tenant", HOSTILE),
        ("jobs", "show", HOSTILE),
        ("jobs", "failed", "--since", HOSTILE),
        ("budget", "--job", HOSTILE),
        ("run", "--where", f"source={HOSTILE}"),
        (HOSTILE,),
        ("enrich", name, f"--{HOSTILE}"),
    ]

    ended = {command: emasai(*command) for command in commands}
    refused = emasai("run", f"{tmp_path}/{HOSTILE}.csv")

    assert [command for command, each in ended.items() if not _is_safe(each)] == []
    assert "\\x1b[31m[/bar]" in ended["enrich", name].out
    assert refused.code == 1
    assert "\x1b" not in refused.err


def test_a_failed_item_is_listed_whatever_its_name(emasai: Emasai, tmp_path: Path) -> None:
    """As a dead letter with its reason, for people and for programs."""
    listing = tmp_path / "companies.csv"
    listing.write_text(f'empresa\n"{_company()}"\n', encoding="utf-8")
    ran = json.loads(emasai("enrich", listing, "--deadline", "1ms", "--json").out)

    table = emasai("jobs", "failed", "--job", ran["job_id"])
    printed = emasai("jobs", "failed", "--job", ran["job_id"], "--json")

    assert _is_safe(table)
    assert _is_safe(printed)
    assert "\\x1b" in table.out
    (failed,) = json.loads(printed.out)["failed"]
    assert "\x1b[31m[/bar]" in failed["company"]


@pytest.mark.parametrize("command", ["enrich", "explain"])
def test_an_argument_that_is_no_text_is_refused(emasai: Emasai, command: str) -> None:
    """Bytes that are no UTF-8 end the command with one sentence."""
    ended = emasai(command, "Caf\udce9")

    assert ended.code == 2
    assert ended.err == "emasai: Caf\\udce9 is not text in UTF-8\n"
