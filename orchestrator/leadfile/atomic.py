"""Replaces a file whole or not at all, and says beforehand whether that will be possible."""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import LeadFileError, from_os_error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of *path* at the end of the block.

    A reader, or a crash, sees the old or the new content; after an error in the block, the old
    one. An existing file keeps its mode; a new one gets what the umask leaves. A symbolic link
    stays one: the file it points to is replaced.

    Raises:
        LeadFileError: It could not be written; the old content is still there.
    """
    try:
        target = path.resolve()
        with _temporary_beside(target) as file:
            yield file
            file.flush()
            _copy_mode(target, file)
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise from_os_error(path, error) from error


def check_writable(path: Path, *, expected_bytes: int = 0) -> None:
    """Find out, before any money is spent, whether *path* can be written.

    Args:
        path: The file to be written later. It is not touched, and not left behind.
        expected_bytes: How large it will be, at the most.

    Raises:
        LeadFileError: It could not be: with the reason, in one sentence.
    """
    try:
        target = path.resolve()
        if not target.parent.is_dir():
            hint = "create the folder or name another"
            raise LeadFileError(str(path), "lies in a folder that does not exist", hint)
        if target.is_dir():
            raise LeadFileError(str(path), "is a directory", "name a file in it")
        if target.exists() and not target.is_file():
            raise LeadFileError(str(path), "is not a regular file", "name another")
        if shutil.disk_usage(target.parent).free < expected_bytes:
            hint = "free some space or name another disk"
            raise LeadFileError(str(path), "would not fit on its disk, which is full", hint)
        with _temporary_beside(target):
            pass
    except OSError as error:
        raise from_os_error(path, error) from error


@contextlib.contextmanager
def _temporary_beside(target: Path) -> Iterator[BinaryIO]:
    """Open a new file in the folder of *target*; it is gone afterwards unless it was renamed."""
    # Not tempfile: its files are for the owner alone, whatever the umask says.
    temporary = target.with_name(f".emasai-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
    finally:
        temporary.unlink(missing_ok=True)


def _copy_mode(target: Path, file: BinaryIO) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
