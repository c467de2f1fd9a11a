"""Files of the embedded stack, which only its user may read: leads are personal data."""

import os
import stat
from pathlib import Path
from typing import IO, Any, Final

#: What the stack's processes must not grant to anybody else.
PRIVATE_UMASK: Final = 0o077


def private_folder(path: Path) -> None:
    """Make *path* and whatever is missing above it; close it to others, and all that is in it.

    Raises:
        OSError: It cannot be made, or belongs to somebody else.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o777 & ~PRIVATE_UMASK)
    _tighten(path)
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            _tighten(Path(parent, name))


def private_file(path: Path, mode: str) -> IO[Any]:
    """Open *path* as `open` does with *mode*; only its owner may read it."""
    file = open(path, mode, opener=_open_private)  # noqa: SIM115 - Path has no opener
    _tighten(path)
    return file


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666 & ~PRIVATE_UMASK)


def _tighten(path: Path) -> None:
    """Take away what others may do with *path*; a link is left to whom it points."""
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & PRIVATE_UMASK:
            path.chmod(stat.S_IMODE(mode) & ~PRIVATE_UMASK)
    except FileNotFoundError:
        return  # a server that is ending removes its files
