"""`python -m bench.measured_command ARGUMENTS...`: `emasai ARGUMENTS...`, measured.

Behind what it prints to standard error stands a line with its peak of resident memory in kB and
its seconds of CPU.
"""

import atexit
import sys
from time import process_time

from orchestrator.cli import main
from tests.support.measured_command import peak_kb


def _report() -> None:
    sys.stderr.write(f"\n{peak_kb()} {process_time()}\n")


if __name__ == "__main__":
    atexit.register(_report)
    main()
