"""One embedded stack for all tests of the command line; each command attaches to it."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.settings import REQUIRED
from tests.support.sandbox import everybody_known
from tests.support.stack import working_stack


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Emasai = Callable[..., Ended]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A running embedded stack with one worker, whose sandbox knows every company."""
    for name in REQUIRED:
        os.environ.pop(name, None)
    home = tmp_path_factory.mktemp("home")
    with working_stack(home) as running, everybody_known(running):
        yield running


@pytest.fixture
def emasai(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Emasai:
    """The command, run in this process on the running stack."""
    monkeypatch.setenv("EMASAI_HOME", str(stack.home))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["emasai", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return run
