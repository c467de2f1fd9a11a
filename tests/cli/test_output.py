"""Output never ends a command whose work is done; names are shown, and not obeyed."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai, Ended

EMASAI = (sys.executable, "-m", "orchestrator.cli")


@pytest.fixture
def environment(stack: EmbeddedStack) -> dict[str, str]:
    """Return what a command in a process of its own needs to work on the stack."""
    return {**os.environ, "EMASAI_HOME": str(stack.home)}


def _name() -> str:
    return f"Compañía x{uuid4().hex[:12]} \N{SNOWMAN}"


def _run(command: str, environment: dict[str, str], **variables: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        ["bash", "-c", f"{shlex.join(EMASAI)} {command}"],
        env={**environment, **variables},
        capture_output=True,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode()


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"}]
)
def test_a_terminal_that_is_not_utf_8_shows_escapes(
    environment: dict[str, str], variables: dict[str, str]
) -> None:
    """The purchase is made, and the command ends with 0; JSON stays JSON."""
    name = _name()

    code, out, err = _run(f"enrich '{name}' --json", environment, **variables)
    table_code, table, _ = _run(f"enrich '{name}'", environment, **variables)

    (result,) = json.loads(out)
    assert (code, table_code) == (0, 0), err
    assert result["company"] == name
    assert out.isascii() == ("PYTHONIOENCODING" in variables)
    assert name[-14:-2] in table


def test_a_reader_that_has_gone_is_no_error(environment: dict[str, str]) -> None:
    """`emasai ... | head` ends quietly, with what the command itself ends with."""
    command = f"enrich '{_name()}' --json | true; exit ${{PIPESTATUS[0]}}"

    code, _, err = _run(command, environment)

    assert code == 0
    assert "pipe" not in err.lower()
    assert "Traceback" not in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_is_no_error(environment: dict[str, str], closed: str) -> None:
    """The output is dropped."""
    assert _run(f"enrich '{_name()}' {closed}", environment)[0] == 0


def test_a_full_disk_is_reported_in_a_sentence(environment: dict[str, str]) -> None:
    """Output that could not be written is an error, without a traceback."""
    code, _, err = _run("costs --json > /dev/full", environment)

    assert code == 1
    assert "emasai: [Errno 28]" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


#: Text that may be typed: a change of direction, and markup of the library that draws tables.
TYPED = "[/bar] \u202eowned\u2066 [bold]:smile:\\"
#: What only a file can hold, besides: colours, a window title; and C1, which shows that its
#: encoding was taken for another one.
ESCAPES = f"\x1b[31m{TYPED}\x1b]0;owned\x07"
HOSTILE = f"{ESCAPES} \x9b2J"


def _is_safe(ended: Ended) -> bool:
    printed = ended.out + ended.err
    return ended.code != 1 and not set("\x1b\x07\x9b\r\u202e\u2066") & set(printed)


def _listing(path: Path, name: str) -> Path:
    path.write_text(f'empresa\n"{name}"\n', encoding="utf-8")
    return path


def test_the_console_shows_hostile_names_and_obeys_none(emasai: Emasai, tmp_path: Path) -> None:
    """Escapes are shown as such, markup as text, in tables and in sentences."""
    name = f"Compañía x{uuid4().hex[:12]} {TYPED}"
    commands = [
        ("enrich", name),
        ("enrich", name, "--dry-run"),
        ("enrich", name, "--patience", "1ms"),
        ("enrich", _listing(tmp_path / "companies.csv", name)),
        ("enrich", f"{name}{'x' * 1000}"),
        ("explain", name),
        ("costs", "--by", "company"),
        ("schedule", "add", name, "--every", "7d"),
        ("schedule", "list"),
        ("schedule", "pause", f"not watched {TYPED}"),
        ("identity", "show", name),
        ("identity", "split", name, "--why", TYPED, "--by", TYPED),
        ("identity", "alias", TYPED, TYPED, "--why", TYPED),
        ("identity", "list"),
        ("invalidate", name),
        ("jobs", "list", "--tenant", TYPED),
        ("jobs", "show", TYPED),
        ("jobs", "failed", "--since", TYPED),
        ("budget", "--job", TYPED),
        ("run", "--where", f"source={TYPED}"),
        (TYPED,),
        ("enrich", name, f"--{TYPED}"),
    ]

    ended = {command: emasai(*command) for command in commands}

    assert [command for command, each in ended.items() if not _is_safe(each)] == []
    assert "[/bar] \\u202eowned\\u2066 [bold]:smile:\\" in ended["enrich", name].out
    for command in (("explain", name), ("schedule", "list"), ("identity", "list")):
        assert "[/bar]" in ended[command].out


def test_a_failed_item_is_listed_whatever_its_name(emasai: Emasai, tmp_path: Path) -> None:
    """With its reason, for people and for programs."""
    listing = _listing(tmp_path / "companies.csv", f"Compañía x{uuid4().hex[:12]} {ESCAPES}")
    ran = json.loads(emasai("enrich", listing, "--deadline", "1ms", "--json").out)

    table = emasai("jobs", "failed", "--job", ran["job_id"])
    printed = emasai("jobs", "failed", "--job", ran["job_id"], "--json")

    assert _is_safe(table)
    assert _is_safe(printed)
    assert "\\x1b" in table.out
    (failed,) = json.loads(printed.out)["failed"]
    assert "\x1b[31m[/bar]" in failed["company"]


@pytest.mark.parametrize("command", ["enrich", "explain", "invalidate"])
@pytest.mark.parametrize("name", ["Peñ\udce9", HOSTILE])
def test_an_argument_that_is_no_text_is_refused(emasai: Emasai, command: str, name: str) -> None:
    """Bytes that are not UTF-8, and control characters, end the command with one sentence."""
    ended = emasai(command, name)

    assert (ended.code, ended.out) == (2, "")
    assert _is_safe(ended)
    assert ended.err.startswith("emasai: Invalid value")
    assert ended.err.count("\n") == 1
