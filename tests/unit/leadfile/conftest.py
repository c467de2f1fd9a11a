"""Real files for the tests of lead files."""

from collections.abc import Callable
from pathlib import Path

import pytest

GivenFile = Callable[[str | bytes], Path]


@pytest.fixture
def given_file(tmp_path: Path) -> GivenFile:
    """Write a lead file; text goes out as UTF-8, its line ends untouched."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "leads.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
