"""Explores the protocol from the command line: `python -m tests.model [--deep]`."""

import sys

from tests.model.explorer import Explorer
from tests.model.interruptions import DEEP_INTERRUPTIONS, INTERRUPTIONS
from tests.model.scenarios import DEEP, QUICK


def main() -> int:
    """Explore, print a line per scenario, and a counterexample where there is one."""
    broken = False
    quick = (*QUICK, *INTERRUPTIONS)
    deep = (*quick, *DEEP, *DEEP_INTERRUPTIONS)
    for scenario in deep if "--deep" in sys.argv[1:] else quick:
        report = Explorer(scenario).explore()
        print(  # noqa: T201 - this is its output
            f"{scenario.name:45} {report.states:8,} states {report.ends:7,} ends "
            f"{report.seconds:6.1f} s",
            *([report.counterexample] if report.counterexample else []),
            flush=True,
        )
        broken = broken or report.counterexample is not None
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
