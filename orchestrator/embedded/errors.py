"""What can keep the embedded stack from running."""

from pathlib import Path


class StackError(Exception):
    """*part* did not start or stay up, for *reason*; *log* has the details."""

    def __init__(self, part: str, reason: str, log: Path) -> None:
        super().__init__(part, reason, log)
        self.part = part
        self.reason = reason
        self.log = log

    def __str__(self) -> str:
        return f"the embedded {self.part} {self.reason}; see {self.log}"
