"""A private copy of a lead file, read from its beginning as often as needed.

A run of hours reads its file twice: before it, for what to look up, and after it, to write the
results beside the rows. Meanwhile somebody opens the original and saves it, or the output takes
its place. The copy has no name: it is gone with its process, however that ends.
"""

import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from .encoding import Encoding
from .errors import from_os_error

#: Bytes of one read.
_CHUNK = 1 << 16


class Spool:
    """The bytes of one file."""

    def __init__(self, path: Path) -> None:
        """Copy *path*, which may be a pipe.

        Raises:
            LeadFileError: It cannot be read, or there is no room for a copy.
        """
        try:
            self._copy = _copy_of(path)
        except OSError as error:
            raise from_os_error(path, error) from error
        weakref.finalize(self, self._copy.close)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, some at a time."""
        with self._opened(0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def text(self, encoding: Encoding) -> TextIO:
        """Return the text, line ends as they are; each call begins at the beginning."""
        return io.TextIOWrapper(
            self._opened(len(encoding.bom)),
            encoding=encoding.codec,
            errors=encoding.errors,
            newline="",
        )

    def _opened(self, start: int) -> io.BufferedReader:
        return io.BufferedReader(_Pass(self._copy.fileno(), start), _CHUNK)


class _Pass(io.RawIOBase):
    """One reading of a file, with a place of its own in it."""

    def __init__(self, descriptor: int, start: int) -> None:
        self._descriptor = descriptor
        self._place = start

    def readable(self) -> bool:
        return True

    def readinto(  # type: ignore[override]  # its type for buffers cannot be named before 3.12
        self, buffer: bytearray | memoryview, /
    ) -> int:
        read = os.preadv(self._descriptor, [buffer], self._place)
        self._place += read
        return read


def _copy_of(path: Path) -> BinaryIO:
    with path.open("rb") as original:
        copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        try:
            shutil.copyfileobj(original, copy, _CHUNK)
            copy.flush()
        except BaseException:
            copy.close()
            raise
        return copy
