"""`python -m bench.measured_command ARGUMENTS...`: `emasai ARGUMENTS...`, measured.

Behind what it prints to standard error stands a line with its peak of resident memory in kB and
its seconds of CPU. Not `ru_maxrss`: what that says of a child begins with the memory of its parent.
"""

import atexit
import re
import sys
from pathlib import Path
from time import process_time

from orchestrator.cli import main


def _report() -> None:
    status = Path("/proc/self/status").read_text("utf-8")
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    sys.stderr.write(f"\n{peak} {process_time()}\n")


if __name__ == "__main__":
    atexit.register(_report)
    main()
