"""How the tests of a run are spread over its processes (`tests/support/distribution.py`)."""

import pytest

from tests.support.distribution import APART, SLOW, part_of, spread
from tests.support.project import ROOT


def test_what_is_called_slow_exists() -> None:
    """A test file that is renamed or removed is renamed or removed there, too."""
    assert [path for path in (*SLOW, *APART) if not (ROOT / path).exists()] == []


def test_no_test_is_lost_and_parts_stay_together(request: pytest.FixtureRequest) -> None:
    """The tests of this run, in another order: each once, and those of a part in one piece."""
    tests = request.session.items

    spread_out = spread(tests[::-1])

    assert sorted(spread_out, key=id) == sorted(tests, key=id)
    parts = [part_of(test.nodeid) for test in spread_out]
    begun = [part for part, before in zip(parts, ["", *parts], strict=False) if part != before]
    assert len(begun) == len(set(parts))


def test_tests_of_a_file_that_goes_as_a_whole_share_a_part() -> None:
    """Where tests are apart, each is a part; elsewhere their file is."""
    assert part_of(f"{APART[0]}::test_one[a]") == f"{APART[0]}::test_one[a]"
    assert part_of("tests/unit/test_any.py::test_one[a]") == "tests/unit/test_any.py"


def test_what_takes_longest_begins_first(request: pytest.FixtureRequest) -> None:
    """The slow files begin in the order in which they are listed, others between them."""
    files = [test.nodeid.partition("::")[0] for test in spread(request.session.items[::-1])]

    listed = [file for file in dict.fromkeys(files) if file in APART]
    assert listed == [file for file in APART if file in files]
