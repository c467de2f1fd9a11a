"""The tools that search for wrong keys: what a person has to read, and the fuzzer's promises."""

import random
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT
from tools.key_fuzz import check, random_name
from tools.key_reading import Name, groups


def test_only_what_differs_by_more_than_writing_and_form_is_read() -> None:
    """Writings and forms of the register's country are no work for a reader; a trade name is."""
    names = [
        Name("Forma S.L.", "ES"),
        Name("FORMA, SL", "ES"),
        Name("Forma Sociedad Limitada", "ES"),
        Name("Norte Ltd", "GB"),
        Name("Norte Ltd d/b/a Faro", "GB"),
    ]

    (found,) = groups(names, with_country=True)

    assert found.key == "norte"
    assert [len(members) for members in found.rests.values()] == [1, 1]


def test_the_tools_run(tmp_path: Path) -> None:
    """A list of names is read from a file, and the fuzzer ends when its time is over."""
    path = tmp_path / "names.csv"
    path.write_text("name,country\nNorte Ltd,GB\nNorte Ltd d/b/a Faro,GB\n\u200b,GB\n", "utf-8")

    runs = [
        subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
        for command in (
            ("tools.key_reading", str(path), "--with-country"),
            ("tools.key_fuzz", "--seed", "7"),
        )
    ]

    assert "3 names, 1 groups to read" in runs[0]
    assert "1 names keep the promises" in runs[1]


def test_the_same_seed_makes_the_same_name() -> None:
    """A failure can be tried again."""
    dice = [random.Random(5) for _ in range(2)]  # noqa: S311  # nothing is kept secret by it

    one, other = map(random_name, dice)

    assert one == other
    check(one)
