"""Copies of the tree in which the code may be broken, and runs of tests in them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[2]
#: Not part of the program or its tests, or made anew where needed.
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "dist", "*.out.csv")
#: Each test has a minute at most; a break may stop many of them.
LIMIT_S: Final = 600.0


class Verdict(StrEnum):
    """How a run of tests ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class TestRun:
    """A run of tests. *first* is the first test that failed, or what kept them from running."""

    __test__ = False

    verdict: Verdict
    first: str = ""


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Return a copy of the project, for the duration of the block."""
    with TemporaryDirectory(prefix="emasai-mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=_LEFT_OUT)
        yield tree


def environment(tree: Path) -> dict[str, str]:
    """Return the environment in which *tree* is imported, and not what is installed."""
    return {**os.environ, "PYTHONPATH": str(tree)}


def run_tests(tree: Path, tests: Sequence[str], *, limit_s: float | None = LIMIT_S) -> TestRun:
    """Run *tests* in *tree*, up to the first that fails, for *limit_s* at most."""
    options = ("-x", "-q", "--tb=no", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree,
        env=environment(tree),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return TestRun(Verdict.FAILED, f"no end after {limit_s} s")
    # pytest: 0 all passed, 1 some failed; 2 to 5 it could not run them.
    if process.returncode == 0:
        return TestRun(Verdict.PASSED)
    verdict = Verdict.FAILED if process.returncode == 1 else Verdict.NOT_RUN
    return TestRun(verdict, _first_failure(output))


def _first_failure(output: str) -> str:
    lines = output.splitlines()
    failed = (line for line in lines if line.startswith(("FAILED ", "ERROR ")))
    line = next(failed, lines[-1] if lines else "no output")
    return line.partition(" ")[2].partition(" - ")[0] if " " in line else line
