"""The files themselves: a private copy to read from, an output that appears whole, and what fails.

LeadFileError(path, reason, hint)    the file as a whole cannot be read or written
└── LongFileError                    it has more rows or lines than are read
"""

import contextlib
import io
import os
import secrets
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self, TextIO

from agents.case import Language, Localized

from . import file_flaws
from .flaws import Kind, filled

#: Bytes per read.
_CHUNK = 1 << 16


class LeadFileError(Exception):
    """A file that cannot be used at all; `str()` is one sentence for the user who named it.

    Args:
        path: The file as the user named it.
        reason: A predicate ("is empty"), so that it reads on from the path.
        hint: What to do about it, as an imperative.
    """

    def __init__(self, path: str, reason: Localized, hint: Localized) -> None:
        super().__init__(path, reason, hint)
        self.path = path
        self.reason = reason
        self.hint = hint

    @classmethod
    def of(cls, path: Path, kind: Kind, **values: object) -> Self:
        """Return the error of a *kind* (`file_flaws`), filled in with *values*."""
        return cls(str(path), filled(kind.message, **values), filled(kind.hint, **values))

    def sentence(self, language: Language) -> str:
        """Return what is wrong with the file, and what to do."""
        return f"{self.path} {self.reason.in_language(language)}; {self.hint.in_language(language)}"

    def __str__(self) -> str:
        return self.sentence("en")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise an OSError of the block as a LeadFileError about *path*."""
    try:
        yield
    except OSError as error:
        code = error.errno or 0
        kind = file_flaws.OF_SYSTEM.get(code, file_flaws.OTHER_OF_SYSTEM)
        raise LeadFileError.of(path, kind, error=os.strerror(code).lower()) from error


class LongFileError(LeadFileError):
    """A file that has more rows or lines than are read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read; a file of a few bytes a line must not keep a server busy.

    `line` are the characters of a line, `lines` all lines, blank ones, too, and `rows` the rows.
    """

    line: int = 20_000_000
    lines: int = sys.maxsize
    rows: int = sys.maxsize

    def check_lines(self, path: Path, lines: int) -> None:
        """Check that a file may have so many *lines*.

        Raises:
            LongFileError: They are too many.
        """
        if lines > self.lines:
            raise LongFileError.of(path, file_flaws.MANY_LINES, most=self.lines)


#: Of a file on the user's own machine.
NO_LIMITS: Final = Limits()


class Spool:
    """A private copy of a file's bytes, read from the beginning as often as needed.

    A run of hours reads its file twice: first for what to look up, in the end to write results
    beside the rows. Meanwhile the original may be saved anew, or replaced by the output. The
    copy has no name, so the operating system drops it with the process.
    """

    def __init__(
        self, path: Path, pieces: Iterable[bytes] | None = None, *, copy: BinaryIO | None = None
    ) -> None:
        """Copy *path*, which may be a pipe, or the *pieces* that it has become; or keep a *copy*.

        Raises:
            LeadFileError: It cannot be read, or there is no room for a copy.
        """
        with _translated(path):
            if copy is None and pieces is not None:
                copy = _copy_of(pieces)
            elif copy is None:
                with path.open("rb") as original:
                    copy = _copy_of(iter(lambda: original.read(_CHUNK), b""))
        self._copy = copy
        weakref.finalize(self, self._copy.close)

    def reader(self) -> io.BufferedReader:
        """Return the bytes as a file of its own position, which can be moved."""
        return self._opened(0)

    @property
    def file(self) -> BinaryIO:
        """The copy itself, for another process. Its position is not used here."""
        return self._copy

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, some at a time."""
        with self._opened(0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def text(self, codec: str, errors: str, *, start: int) -> TextIO:
        """Return the text from byte *start* on, line ends as they are."""
        return io.TextIOWrapper(self._opened(start), encoding=codec, errors=errors, newline="")

    def _opened(self, start: int) -> io.BufferedReader:
        return io.BufferedReader(_Pass(self._copy.fileno(), start), _CHUNK)


class _Pass(io.RawIOBase):
    """One reader of a shared descriptor, with its own position."""

    def __init__(self, descriptor: int, start: int) -> None:
        self._descriptor = descriptor
        self._position = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        end = os.fstat(self._descriptor).st_size
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(  # type: ignore[override]  # its type for buffers cannot be named before 3.12
        self, buffer: bytearray | memoryview, /
    ) -> int:
        read = os.preadv(self._descriptor, [buffer], self._position)
        self._position += read
        return read


def _copy_of(pieces: Iterable[bytes]) -> BinaryIO:
    copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
    try:
        copy.writelines(pieces)
        copy.flush()
    except BaseException:
        copy.close()
        raise
    return copy


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of *path* at the end of the block.

    A reader, or a crash, sees the old or the new content; after an error in the block, the old
    one. An existing file keeps its mode; a new one gets what the umask leaves. A symbolic link
    stays one: the file it points to is replaced.

    Raises:
        LeadFileError: It could not be written; the old content is still there.
    """
    with _translated(path):
        target = path.resolve()
        with _temporary_beside(target) as file:
            yield file
            file.flush()
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        _sync_folder(target.parent)


def put_before(file: BinaryIO, beginning: bytes) -> None:
    """Move all that was written to *file* behind *beginning*; writing goes on at the end."""
    file.seek(0)
    carried = beginning
    while piece := file.read(_CHUNK):
        file.seek(-len(piece), os.SEEK_CUR)
        moved = carried + piece
        file.write(moved[: len(piece)])
        carried = moved[len(piece) :]
    file.write(carried)


def check_writable(path: Path) -> None:
    """Check, before any money is spent, that *path* can be written; leave it untouched.

    Raises:
        LeadFileError: It could not be: with the reason, in one sentence.
    """
    with _translated(path):
        target = path.resolve()
        if not target.parent.is_dir():
            raise LeadFileError.of(path, file_flaws.NO_FOLDER)
        if target.is_dir():
            raise LeadFileError.of(path, file_flaws.OUTPUT_IS_FOLDER)
        if target.exists() and not target.is_file():
            raise LeadFileError.of(path, file_flaws.NOT_REGULAR)
        with _temporary_beside(target):
            pass


@contextlib.contextmanager
def _temporary_beside(target: Path) -> Iterator[BinaryIO]:
    """Open a new file in the folder of *target*; it is gone afterwards unless it was renamed."""
    # Not tempfile: its files are readable by their owner alone, whatever the umask says.
    temporary = target.with_name(f".emasai-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("x+b") as file:
            yield file
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
