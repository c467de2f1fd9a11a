"""Words of evidence are understood as sources write them, and unknown ones are unknown."""

import pytest

from agents.cdao.vocabulary import (
    NewsCategory,
    Sector,
    SizeBand,
    read_news_category,
    read_sector,
    read_size_band,
    size_band_of,
)


@pytest.mark.parametrize("text", ["food_and_beverages", "Food & Beverages", " FOOD-AND-BEVERAGES"])
def test_sectors_are_read_however_they_are_spelt(text: str) -> None:
    """Case, spaces, hyphens and ampersands make no other sector."""
    sector = read_sector(text)

    assert sector is Sector.FOOD_AND_BEVERAGES


@pytest.mark.parametrize("text", ["201-1000", "201\u20131000", "201 - 1,000", "201-1.000"])
def test_size_bands_are_read_however_they_are_spelt(text: str) -> None:
    """Dashes, spaces and thousands separators make no other band."""
    band = read_size_band(text)

    assert band is SizeBand.UP_TO_1000


@pytest.mark.parametrize(
    ("prefix", "category"),
    [
        ("Expansion", NewsCategory.EXPANSION),
        ("bankruptcy", NewsCategory.INSOLVENCY),
        ("Concurso de acreedores", NewsCategory.INSOLVENCY),
    ],
)
def test_news_categories_are_read_with_their_aliases(prefix: str, category: NewsCategory) -> None:
    """Insolvency has names of its own in both languages."""
    read = read_news_category(prefix)

    assert read is category


@pytest.mark.parametrize("word", ["", "astrology", "?", "\u6771\u4eac", "1-11"])
def test_a_word_outside_the_vocabulary_is_unknown(word: str) -> None:
    """No word makes a reader fail."""
    read = (read_sector(word), read_size_band(word), read_news_category(word))

    assert read == (None, None, None)


@pytest.mark.parametrize(
    ("headcount", "band"),
    [
        (1, "1-10"),
        (10, "1-10"),
        (11, "11-50"),
        (50, "11-50"),
        (51, "51-200"),
        (200, "51-200"),
        (201, "201-1000"),
        (1000, "201-1000"),
        (1001, "1001-5000"),
        (5000, "1001-5000"),
        (5001, "5001+"),
        (2_100_000, "5001+"),
    ],
)
def test_every_headcount_has_its_band(headcount: int, band: str) -> None:
    """Both bounds of a band belong to it."""
    found = size_band_of(headcount)

    assert found == band
