"""`python -m tests.support.fuzz_company_keys [SECONDS]`: tries names until the time is over."""

import random
import sys
from time import monotonic

from tests.support.company_keys import check, random_name

_SECONDS = 300.0


def main() -> None:
    """Check random names; the seed is printed, so that a find can be repeated."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else _SECONDS
    seed = random.SystemRandom().getrandbits(32)
    dice = random.Random(seed)  # noqa: S311  # nothing is kept secret by it
    print(f"seed {seed}, {seconds:g} s", flush=True)  # noqa: T201  # a report
    end, tried = monotonic() + seconds, 0
    while monotonic() < end:
        check(random_name(dice))
        tried += 1
    print(f"{tried:,} names, no counterexample")  # noqa: T201  # (as above)


if __name__ == "__main__":
    main()
