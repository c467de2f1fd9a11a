"""The start of the command line: its import, and `emasai --help`.

In seconds of the processor, so that other work of the machine does not count; on a quiet machine
the clock shows the same.
"""

import asyncio
import resource
import sys
from functools import partial

from bench.measure import judge, race, show

_COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import": ("-c", "import orchestrator.cli"),
    "--help": ("-m", "orchestrator.cli", "--help"),
}
#: What the project promises, in seconds.
_PROMISED_S = {"import": 0.35, "--help": 0.5}


async def main(repeats: int) -> None:
    """Measure both beside a bare interpreter."""
    contenders = {name: partial(_cpu_s, *command) for name, command in _COMMANDS.items()}
    figures = await race(contenders, repeats=repeats)
    show("start of the command line", figures, base="python -c pass")
    for figure in figures:
        if promised := _PROMISED_S.get(figure.name):
            judge(f"{figure.name} <= {promised} s", [run <= promised for run in figure.runs])


async def _cpu_s(*arguments: str) -> float:
    before = _children_s()
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    assert await child.wait() == 0
    return _children_s() - before


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
