"""Properties of the company key, searched for counterexamples by Hypothesis."""

import html
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.identity import MAX_KEY_LENGTH, InvalidCompanyName, company_key

VOCABULARY = """
The the PT OOO SC Delta Air Lines Año Peña Müller Øst Газпром Ελληνικά ПАО 銀行 トヨタ 株式会社
A B C E I S L Y O u and & y e et und Co Company Corp Inc Ltd S.A. SA S.L. s.r.o. SpA GmbH KG
de CV C.V. A/S AB AS S.Coop. Soc Coop Sp. z o.o. Limited (publ) Cía. Hnos. L' d 1 21 2000 + #
C++ Co-operative W.E.S.T. I.B.M. C.E.I. Tbk Spa Unipersonal
"""
WORDS = st.sampled_from(VOCABULARY.split())
NAMES = st.lists(WORDS, min_size=1, max_size=9).flatmap(
    lambda words: st.sampled_from([" ", "  ", "-", ", ", " - ", "\u00a0", "/"]).map(
        lambda gap: gap.join(words)
    )
)
ANYTHING = st.one_of(NAMES, st.text(max_size=60), st.text("aes.l &yd1'_", max_size=130))


def key_or_none(name: str) -> str | None:
    """Return the key of *name*, None if it is blank."""
    try:
        return company_key(name)
    except InvalidCompanyName:
        return None


@given(ANYTHING)
@example("HOTEL DI GROSSI E C. S.A.S.")
@example("S.P.E.L. EMPREENDIMENTOS S.A")
@example("URBAN SPA SL")
@example("S.A. S.A. PT")
@example("W.E.S.T. 1")
@example("\ua7f8")
def test_a_key_is_a_name_with_that_key(name: str) -> None:
    """Keys may be given where names are asked for, so taking the key twice changes nothing."""
    key = key_or_none(name)

    assert key is None or company_key(key) == key


@given(ANYTHING)
def test_a_key_is_short_and_has_no_spaces(name: str) -> None:
    """Whatever comes in, the key is a bounded, lower-case, storable word, never empty."""
    key = key_or_none(name)

    if key is not None:
        assert 0 < len(key) <= MAX_KEY_LENGTH
        assert not any(c.isspace() for c in key)
        assert key.encode()


@given(NAMES)
def test_case_spaces_and_unicode_form_do_not_matter(name: str) -> None:
    """Every rewriting that a form, a file or a keyboard makes leaves the key alone."""
    key = key_or_none(name)
    full_width = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)

    assert key_or_none(name.upper()) == key
    assert key_or_none(name.lower()) == key
    assert key_or_none(f"  {name.replace(' ', '  ')}\t") == key
    assert key_or_none(unicodedata.normalize("NFD", name)) == key
    assert key_or_none(name.replace("a", "a\u200b\u00ad")) == key
    assert key_or_none(f"“{name}”;") == key
    assert key_or_none(html.escape(name)) == key
    if "'" not in name:
        assert key_or_none(full_width) == key


@given(NAMES)
def test_accents_do_not_matter(name: str) -> None:
    """People type Espana for España."""
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if c not in "\u0301\u0303\u0308")

    assert key_or_none(unicodedata.normalize("NFC", plain)) == key_or_none(name)
