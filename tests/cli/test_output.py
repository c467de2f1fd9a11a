"""A command whose work is done, and paid for, ends as such wherever its output goes."""

import json
import os
import shlex
import subprocess
import sys
from uuid import uuid4

import pytest

from orchestrator.embedded.stack import EmbeddedStack

EMASAI = (sys.executable, "-m", "orchestrator.cli")


@pytest.fixture
def environment(stack: EmbeddedStack) -> dict[str, str]:
    """Return what a command in a process of its own needs to work on the stack."""
    return {**os.environ, "EMASAI_HOME": str(stack.home)}


def _name() -> str:
    return f"Compañía {uuid4().hex[:12]} \N{SNOWMAN}"


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
    """Whoever closes an output does not want it."""
    assert _run(f"enrich '{_name()}' {closed}", environment)[0] == 0


def test_a_full_disk_is_told_in_a_sentence(environment: dict[str, str]) -> None:
    """That what was asked for was not written is an error, but no traceback."""
    code, _, err = _run("costs --json > /dev/full", environment)

    assert code == 1
    assert "emasai: [Errno 28]" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
