"""The same key on every Python: what a newer Unicode adds does not count."""

import sys
import unicodedata

import pytest

from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.identity.writing import is_younger, split_words

#: Code points that Unicode 14 assigns, those of private use and surrogates among them.
ASSIGNED_IN_14 = 284_278


def test_no_python_knows_a_character_that_the_list_does_not() -> None:
    """A Python with a newer Unicode fails here; then the characters it adds join the list."""
    known = sum(
        unicodedata.category(c) != "Cn" and not is_younger(c)
        for c in map(chr, range(sys.maxunicode + 1))
    )

    assert known == ASSIGNED_IN_14, unicodedata.unidata_version


@pytest.mark.parametrize("younger", ["\u0c5c", "\U00016d67", "\U00010d50", "\U0001e030"])
def test_a_younger_character_separates_words(younger: str) -> None:
    """3.11 files it as unassigned, a newer Python as a letter or a sign; both make one key."""
    assert split_words(f"Casa{younger}Blanca") == ["casa", "blanca"]
    assert company_key(f"Casa {younger} Blanca") == "casa_blanca"


def test_a_name_of_younger_characters_is_blank() -> None:
    """Nothing is shown of it on the oldest Python, so it has no key on any."""
    with pytest.raises(InvalidCompanyName):
        company_key("\U0001fadf\u1b7f")
