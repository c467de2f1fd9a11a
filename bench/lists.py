"""Long lists of companies, the same in every run and process."""

from collections.abc import Iterator

#: How often a list names each of its companies, on average.
REPEATED = 5
_PART = 1_000
_FORMS = ("", " S.A.", " GmbH", ", Inc.", " SL")
_STRIDE = 7_919


def company(number: int) -> str:
    """Return the name of a company, written always alike."""
    return f"Company{number:06d} Trading{_FORMS[number % len(_FORMS)]}"


def key(number: int) -> str:
    """Return its company key."""
    return f"company{number:06d}_trading"


def names(rows: int, *, known_only: bool = False) -> Iterator[list[str]]:
    """Yield a list of *rows* names of `rows / REPEATED` companies, some at a time.

    Companies with even numbers are those that are known. Repetitions are far apart: no cache
    of the last names would find one.
    """
    companies = rows // REPEATED
    for start in range(0, rows, _PART):
        numbers = ((row * _STRIDE) % companies for row in range(start, min(start + _PART, rows)))
        yield [company(n - n % 2 if known_only else n) for n in numbers]
