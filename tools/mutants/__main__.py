"""`make mutants`: breaks the code in copies of the tree, and lists what the tests did not notice.

The breaks of breaks.toml are all made; of those that mutmut generates, a sample. Exit code 1 if a
break of the list was not noticed, or can no longer be made.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tools.mutants.breaks import Break, read_breaks
from tools.mutants.generated import MutmutFailed, by_module, difference, sampled
from tools.mutants.scratch import ROOT, Verdict, copied_tree, run_tests

NOTICED, UNNOTICED, STALE, SAME = "noticed", "NOT NOTICED", "STALE", "same program"


def main() -> int:
    """Do what the command line says."""
    options = _options()
    breaks = [each for each in read_breaks() if not options.only or each.id in options.only]
    if options.list:
        stale = [(each, reason) for each in breaks if (reason := each.stale(ROOT))]
        for each, reason in stale:
            print(f"{each.id:<6} {STALE}: {reason}")
        print(f"{len(breaks)} breaks, {len(stale)} stale")
        return bool(stale)
    is_faulty = _make_all(breaks, options.jobs) if breaks else False
    if options.sample and not options.only:
        _make_sample(options.sample, options.seed, options.jobs)
    return is_faulty


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="ID", help="make these breaks of the list only")
    parser.add_argument("--list", action="store_true", help="only say which can not be made")
    parser.add_argument("--sample", type=int, default=150, help="how many of mutmut's are made")
    parser.add_argument("--seed", type=int, default=1, help="which of mutmut's are made")
    parser.add_argument("--jobs", type=int, default=2, help="how many are made at a time")
    return parser.parse_args()


def _make_all(breaks: Sequence[Break], jobs: int) -> bool:
    """Make *breaks*; return whether one was not noticed or cannot be made."""
    counts = dict.fromkeys((NOTICED, UNNOTICED, STALE, SAME), 0)
    with ExitStack() as trees:
        free: SimpleQueue[Path] = SimpleQueue()
        for _ in range(jobs):
            free.put(trees.enter_context(copied_tree()))
        _must_pass(free, breaks)
        workers = trees.enter_context(ThreadPoolExecutor(jobs))
        for each, (result, detail) in zip(
            breaks, workers.map(lambda each: _make(each, free), breaks), strict=True
        ):
            counts[result] += 1
            print(f"{each.id:<6} {result:<12} {each.promise}\n{'':<20}{detail}", flush=True)
    made = counts[NOTICED] + counts[UNNOTICED]
    print(
        f"\nBy hand: {counts[NOTICED]} of {made} noticed; {counts[STALE]} stale, "
        f"{counts[SAME]} change nothing.",
        flush=True,
    )
    return bool(counts[UNNOTICED] or counts[STALE])


def _must_pass(free: "SimpleQueue[Path]", breaks: Sequence[Break]) -> None:
    """End the program if the tests fail without any break: they would seem to notice all."""
    tests = sorted({test for each in breaks for test in each.tests if not each.stale(ROOT)})
    tree = free.get()
    ended = run_tests(tree, tests, limit_s=None)
    free.put(tree)
    if tests and ended.verdict is not Verdict.PASSED:
        raise SystemExit(f"without any break, {ended.verdict}: {ended.first}")


def _make(each: Break, free: "SimpleQueue[Path]") -> tuple[str, str]:
    """Return what became of a break, and which test noticed, or why it was not made."""
    if reason := each.stale(ROOT):
        return STALE, reason
    if each.same:
        return SAME, each.same
    tree = free.get()
    try:
        with each.made(tree):
            ended = run_tests(tree, each.tests)
    finally:
        free.put(tree)
    match ended.verdict:
        case Verdict.FAILED:
            return NOTICED, ended.first
        case Verdict.PASSED:
            return UNNOTICED, f"by {', '.join(each.tests)}"
        case Verdict.NOT_RUN:
            return STALE, f"its tests do not run: {ended.first}"


def _make_sample(count: int, seed: int, jobs: int) -> None:
    with copied_tree() as tree:
        try:
            results = sampled(tree, count, seed, jobs)
        except MutmutFailed as failed:
            raise SystemExit(str(failed)) from None
        print("\nnoticed  survived  no tests  module")
        for module, counts in by_module(results):
            columns = (counts["noticed"], counts["survived"], counts["no tests"])
            print("{:>7}  {:>8}  {:>8}  {}".format(*columns, module))
        for line in _survivors(tree, results):
            print(line)
        noticed = sum(counts["noticed"] for _, counts in by_module(results))
        tested = sum(status != "no tests" for status in results.values())
        print(
            f"\nGenerated: {noticed} of {tested} noticed ({noticed / max(tested, 1):.0%}); "
            f"{len(results) - tested} more in code that the chosen tests do not run."
        )


def _survivors(tree: Path, results: Mapping[str, str]) -> Iterator[str]:
    for name, status in results.items():
        if status == "survived":
            yield f"\n{name}\n{difference(tree, name)}"


if __name__ == "__main__":
    sys.exit(main())
