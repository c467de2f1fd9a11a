"""`python -m tests.support.measured_command FILE ARGUMENTS...`: `emasai ARGUMENTS...`, measured.

Its peak of resident memory, in kB, is written to FILE. Not by `getrusage`: what that says of a
child begins with the memory of its parent.
"""

import atexit
import re
import sys
from pathlib import Path

from orchestrator.cli import main


def peak_kb() -> int:
    """Return the peak of this process since it began."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    report = Path(sys.argv.pop(1))
    atexit.register(lambda: report.write_text(str(peak_kb()), "utf-8"))
    main()
