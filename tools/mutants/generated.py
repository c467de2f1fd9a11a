"""Breaks that mutmut generates in the pure modules; `[tool.mutmut]` in pyproject.toml has which."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.mutants.scratch import environment

#: Of a small module, so that mutmut generates all and runs few.
_FEW: Final = "orchestrator.jobs.stored.*"
_NOTICED: Final = {"killed", "timeout", "segfault", "suspicious"}


class MutmutFailed(Exception):
    """mutmut could not do its part; *output* is the end of what it wrote."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output

    def __str__(self) -> str:
        return f"mutmut could not run:\n{self.output}"


def sampled(tree: Path, count: int, seed: int, jobs: int) -> Mapping[str, str]:
    """Make *count* of the breaks in *tree*, chosen by *seed*; return what became of each.

    'survived' and 'no tests' were not noticed. By name, which `mutmut show` takes.

    Raises:
        MutmutFailed: For example, the tests fail without any break.
    """
    _mutmut(tree, "run", "--max-children", str(jobs), _FEW)
    names = sorted(dict(_results(tree)))
    chosen = random.Random(seed).sample(names, min(count, len(names)))  # noqa: S311 - no secret
    _mutmut(tree, "run", "--max-children", str(jobs), *chosen)
    results = dict(_results(tree))
    return {name: results[name] for name in sorted(chosen)}


def difference(tree: Path, name: str) -> str:
    """Return what the break *name* changes."""
    changed = _mutmut(tree, "show", name).splitlines()
    return "\n".join(
        line for line in changed if line[:1] in "+-" and line[:3] not in {"---", "+++"}
    )


def by_module(results: Mapping[str, str]) -> Iterator[tuple[str, Counter[str]]]:
    """Yield for each module how many breaks were 'noticed', 'survived' or had 'no tests'."""
    found: dict[str, Counter[str]] = {}
    for name, status in results.items():
        module = name.rpartition(".")[0]
        found.setdefault(module, Counter())["noticed" if status in _NOTICED else status] += 1
    yield from sorted(found.items())


def _results(tree: Path) -> Iterator[tuple[str, str]]:
    for line in _mutmut(tree, "results", "--all", "true").splitlines():
        name, separator, status = line.strip().rpartition(": ")
        if separator:
            yield name, status


def _mutmut(tree: Path, *arguments: str) -> str:
    ended = subprocess.run(
        _command(arguments),
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise MutmutFailed((ended.stdout + ended.stderr)[-2000:])
    return ended.stdout


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "mutmut", *arguments]
