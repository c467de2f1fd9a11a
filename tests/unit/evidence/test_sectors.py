"""Which sector a text or a category speaks of."""

import pytest

from agents.cdao.vocabulary import Sector
from orchestrator.evidence.sectors import WordListError, read_word_list, sector_in_text

TEXTS = [
    ("es", "Bodega familiar que elabora vinos y cervezas artesanas.", Sector.FOOD_AND_BEVERAGES),
    ("pt", "Construtora com obras civis e residenciais em Goiás.", Sector.CONSTRUCTION),
    ("en", "We underwrite motor insurance and reinsurance.", Sector.INSURANCE),
]


@pytest.mark.parametrize(("language", "text", "sector"), TEXTS)
def test_the_sector_of_a_text(language: str, text: str, sector: Sector) -> None:
    """A text that is plain about it names its sector, quoted from where it says so."""
    guess = sector_in_text(text, language=language)

    assert guess is not None
    assert guess.sector is sector
    assert guess.quote in text


def test_every_wrong_line_is_named() -> None:
    """A person who edits the list sees each wrong line with its fault."""
    with pytest.raises(WordListError) as caught:
        read_word_list("cookery\t3\tes\tpan\nretail\t3\tes\tÓptica", "words.tsv")

    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "words.tsv, line 1",
        "words.tsv, line 2",
    ]
