"""The list of breaks that are written by hand, and what each does to a copy of the tree."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

BREAKS = Path(__file__).with_name("breaks.toml")

_Text = Annotated[str, Field(min_length=1)]


class Break(BaseModel):
    """One deliberate fault: in *file*, *find* becomes *replace*, and *tests* must notice.

    *promise* is what the code promises and the break takes away. *same* says why the program is
    the same with it, where it is: it is not made, but listed so that it is not tried again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Text
    file: _Text
    find: _Text
    replace: str
    promise: _Text
    tests: tuple[_Text, ...] = ()
    same: str = ""

    def stale(self, tree: Path) -> str | None:
        """Return why it can no longer be made in *tree*; None if it can."""
        path = tree / self.file
        if not path.is_file():
            return f"{self.file} is gone"
        count = path.read_text("utf-8").count(self.find)
        if count != 1:
            return f"its text is {count} times in {self.file}, not once"
        if self.find == self.replace:
            return "it changes nothing"
        if not self.tests and not self.same:
            return "it names no tests"
        gone = [test for test in self.tests if not (tree / test.partition("::")[0]).exists()]
        return f"{', '.join(gone)} is gone" if gone else None

    @contextmanager
    def made(self, tree: Path) -> Iterator[None]:
        """Break *tree* for the duration of the block."""
        path = tree / self.file
        text = path.read_text("utf-8")
        try:
            _write(path, text.replace(self.find, self.replace))
            yield
        finally:
            _write(path, text)


def read_breaks(path: Path = BREAKS) -> list[Break]:
    """Return the list, in its order.

    Raises:
        ValueError: Two have one id, or one lacks what it needs.
    """
    found = [Break.model_validate(each) for each in tomllib.loads(path.read_text("utf-8"))["break"]]
    ids = [each.id for each in found]
    if twice := {each for each in ids if ids.count(each) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} is there twice")
    return found


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    # Two versions of one size within a second look alike to Python.
    rmtree(path.parent / "__pycache__", ignore_errors=True)
