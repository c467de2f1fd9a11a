"""An append-only file of JSON lines that survives `kill -9`, whole lines only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


class Lines:
    """The lines of one file, or of nothing: without a path, what is appended is forgotten."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None if path is None else _open_for_append(path)

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that are in the file, oldest first."""
        written = b"" if self._path is None else self._path.read_bytes()
        # Not `splitlines`, which also splits at bytes that may be inside of a line.
        yield from (orjson.loads(line) for line in written.split(b"\n") if line)

    def append(self, line: dict[str, Any]) -> None:
        """Write *line*. When this returns, it is safe from the end of this process."""
        if self._file is not None:
            # One write a line, past every buffer of this process.
            os.write(self._file, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        if self._file is not None:
            os.close(self._file)


def _open_for_append(path: Path) -> int:
    """Open *path* for appending, without the line that a `kill -9` may have torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    written = path.read_bytes()
    os.ftruncate(file, written.rfind(b"\n") + 1)
    return file
