"""What stops a whole lead file, or its output, from being read or written."""

import errno
import os
from pathlib import Path


class LeadFileError(Exception):
    """A file that cannot be used at all; `str()` is one sentence for the person who gave it.

    Args:
        path: The file as the user named it.
        reason: A predicate ("is empty"), so that it reads on from the path.
        hint: What to do about it, as an imperative.
    """

    def __init__(self, path: str, reason: str, hint: str) -> None:
        super().__init__(path, reason, hint)
        self.path = path
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.path} {self.reason}; {self.hint}"


_CHOOSE_ANOTHER = "name another file for the output"
_REASONS = {
    errno.ENOENT: ("does not exist", "check the name of the file and of its folder"),
    errno.ENOTDIR: ("does not exist", "check the name of the file and of its folder"),
    errno.EISDIR: ("is a directory", "name a file"),
    errno.EACCES: ("may not be used by you (permission denied)", "change its permissions"),
    errno.EPERM: ("may not be used by you (not permitted)", "change its permissions"),
    errno.EROFS: ("is on a read-only disk", _CHOOSE_ANOTHER),
    errno.ENOSPC: ("does not fit on the disk, which is full", "free some space"),
    errno.EDQUOT: ("does not fit in your disk quota", "free some space"),
    errno.EFBIG: ("is larger than this system lets a file be", _CHOOSE_ANOTHER),
    errno.ENAMETOOLONG: ("has too long a name", "shorten it"),
}


def from_os_error(path: Path, error: OSError) -> LeadFileError:
    """Translate what the operating system said about *path*."""
    code = error.errno or 0
    reason, hint = _REASONS.get(
        code, (f"cannot be used ({os.strerror(code).lower()})", "check the disk it is on")
    )
    return LeadFileError(str(path), reason, hint)
