"""Names to search for counterexamples, and what the key of any text whatever promises."""

import random
import unicodedata

from hypothesis import strategies as st

from orchestrator.identity import MAX_KEY_LENGTH, InvalidCompanyName, company_key, parse_name

_VOCABULARY = """
The the PT OOO SC Delta Air Lines Año Peña Müller Øst Газпром Ελληνικά ПАО 銀行 トヨタ 株式会社
A B C E I S L Y O u and & y e et und Co Company Corp Inc Ltd S.A. SA S.L. s.r.o. SpA GmbH KG
de CV C.V. A/S AB AS S.Coop. Soc Coop Sp. z o.o. Limited (publ) Cía. Hnos. L' d 1 21 2000 + #
C++ Co-operative W.E.S.T. I.B.M. C.E.I. Tbk Spa Unipersonal SIA "Forma" L.P. L.L.P. B.V. จำกัด
"""
VOCABULARY = tuple(_VOCABULARY.split())
GAPS = (" ", "  ", "-", ", ", " - ", "\u00a0", "/")
NAMES = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=9).flatmap(
    lambda words: st.sampled_from(GAPS).map(lambda gap: gap.join(words))
)
ANYTHING = st.one_of(NAMES, st.text(max_size=60), st.text("aes.l &yd1'_", max_size=130))

_MARKS = "&;#. ,'\"()-_/+&amp;\u200b\u0301\u00a0\ufe0f\u3164\uff0e\ud800\x00"


def key_or_none(name: str) -> str | None:
    """Return the key of *name*, None if it is blank."""
    try:
        return company_key(name)
    except InvalidCompanyName:
        return None


def check(name: str) -> None:
    """Fail unless *name* is refused as blank, or has a key that keeps every promise."""
    key = key_or_none(name)
    if key is None:
        return
    assert 0 < len(key) <= MAX_KEY_LENGTH, ascii((name, key))
    assert not any(c.isspace() or unicodedata.category(c) == "Cc" for c in key), ascii((name, key))
    assert key.encode(), ascii((name, key))
    assert company_key(key) == key, ascii((name, key, company_key(key)))
    assert parse_name(name).key == key, ascii((name, key))


def random_name(dice: random.Random) -> str:
    """Return a name, a distorted name, or noise; sometimes very long."""
    words = dice.choices(VOCABULARY, k=dice.randrange(1, 12))
    text = "".join(word + dice.choice(GAPS) for word in words)
    for _ in range(dice.choice((0, 0, 1, 3, 9))):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + _noise(dice) + text[at + dice.randrange(3) :]
    return text * dice.choice((1,) * 99 + (300,))


def _noise(dice: random.Random) -> str:
    code = dice.randrange(dice.choice((0x80, 0x500, 0x3100, 0x11_0000)))
    return dice.choice((dice.choice(_MARKS), chr(code), dice.choice(VOCABULARY)))
