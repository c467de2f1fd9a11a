"""Explores the protocols from the command line: `python -m tests.model [--deep]`."""

import sys

from tests.model.cached_cases import CASES, DEEP_CASES
from tests.model.cached_explorer import explore
from tests.model.explorer import Explorer, Report
from tests.model.interruptions import DEEP_INTERRUPTIONS, INTERRUPTIONS
from tests.model.scenarios import DEEP, QUICK


def main() -> int:
    """Explore, print a line per scenario, and a counterexample where there is one."""
    is_deep = "--deep" in sys.argv[1:]
    scenarios = [*QUICK, *INTERRUPTIONS, *((*DEEP, *DEEP_INTERRUPTIONS) if is_deep else ())]
    cases = [*CASES, *(DEEP_CASES if is_deep else ())]
    of_purchases = [_is_broken(each.name, Explorer(each).explore()) for each in scenarios]
    of_the_cache = [_is_broken(each.name, explore(each)) for each in cases]
    return int(any(of_purchases) or any(of_the_cache))


def _is_broken(name: str, report: Report) -> bool:
    print(  # noqa: T201 - this is its output
        f"{name:60} {report.states:8,} states {report.ends:7,} ends {report.seconds:6.1f} s",
        *([report.counterexample] if report.counterexample else []),
        flush=True,
    )
    return report.counterexample is not None


if __name__ == "__main__":
    sys.exit(main())
