"""`python -m bench [NAME...]`: runs the named measurements, or all of them."""

import asyncio
import sys

from bench import hit, job
from orchestrator.observability import configure_logging

ALL = {"hit": hit.main, "job": job.main}


def main() -> None:
    """Run what the command line names."""
    unknown = set(sys.argv[1:]) - set(ALL)
    if unknown:
        sys.exit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    configure_logging("error")
    for name in sys.argv[1:] or ALL:
        asyncio.run(ALL[name]())


main()
