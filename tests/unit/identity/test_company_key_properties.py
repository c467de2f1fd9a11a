"""Properties of the company key, searched for counterexamples by Hypothesis."""

import html
import random
import re
import unicodedata

from hypothesis import assume, example, given
from hypothesis import strategies as st

from orchestrator.identity import parse_name
from orchestrator.identity.stripping import FORMS
from tests.support.company_keys import ANYTHING, NAMES
from tools.key_fuzz import check, key_or_none, random_name

PLAIN = st.lists(
    st.sampled_from(["Zyxwo", "Norte", "Banco", "Müller", "Газпром", "銀行", "21", "Vuts"]),
    min_size=1,
    max_size=4,
).map(" ".join)
ENDINGS = st.sampled_from(
    sorted(text for text, form in FORMS._endings.items() if form.kind == "form")  # noqa: SLF001 - only asked for here
)
TELLING_CASE = re.compile(r"\b(?:[EY]|Spa)\b")
LETTERS = st.lists(st.sampled_from("BCDFGHKMNPRSTVWXZ"), min_size=2, max_size=3)


@given(ANYTHING)
@example("HOTEL DI GROSSI E C. S.A.S.")
@example("S.P.E.L. EMPREENDIMENTOS S.A")
@example("URBAN SPA SL")
@example("S.A. S.A. PT")
@example("W.E.S.T. 1")
@example("\ua7f8")
@example("Fund 1-L, L.P.")
@example('SIA "A" SIA')
@example("The - Soc - Limited-")
def test_any_text_is_refused_or_keeps_the_promises(name: str) -> None:
    """A key is short, printable, never empty, and a name with that key: taking it twice is safe."""
    check(name)


@given(st.integers(0, 2**32))
def test_distorted_names_keep_the_promises(seed: int) -> None:
    """What the fuzzer tries for minutes is tried here for a moment."""
    check(random_name(random.Random(seed)))  # noqa: S311  # nothing is kept secret by it


@given(NAMES)
def test_case_spaces_and_unicode_form_do_not_matter(name: str) -> None:
    """Every rewriting that a form, a file or a keyboard makes leaves the key alone.

    Only where a capital is all that tells an initial or a bath from another word, case matters.
    """
    assume(not TELLING_CASE.search(name))
    key = key_or_none(name)
    full_width = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)

    assert key_or_none(name.upper()) == key
    assert key_or_none(name.lower()) == key
    assert key_or_none(f"  {name.replace(' ', '  ')}\t") == key
    assert key_or_none(unicodedata.normalize("NFD", name)) == key
    assert key_or_none(name.replace("a", "a\u200b\u00ad")) == key
    assert key_or_none(f"“{name}”;") == key
    assert key_or_none(html.escape(name)) == key
    if not {"'", '"'} & set(name):
        assert key_or_none(full_width) == key


@given(NAMES)
def test_accents_do_not_matter(name: str) -> None:
    """People type Espana for España."""
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if c not in "\u0301\u0303\u0308")

    assert key_or_none(unicodedata.normalize("NFC", plain)) == key_or_none(name)


@given(PLAIN, ENDINGS, st.sampled_from([" ", ", ", " - "]))
def test_a_form_comes_off(name: str, form: str, gap: str) -> None:
    """Whatever the form, with or without it the name is one company."""
    assert key_or_none(f"{name}{gap}{form}") == key_or_none(name)


@given(PLAIN, LETTERS)
def test_initials_are_one_word(name: str, letters: list[str]) -> None:
    """`I.B.M.`, `I. B. M.` and `I B M` are `IBM`."""
    key = key_or_none(f"{''.join(letters)} {name}")

    for written in (".".join(letters) + ".", ". ".join(letters) + ".", " ".join(letters)):
        assert key_or_none(f"{written} {name}") == key


@given(PLAIN, PLAIN, st.sampled_from(["&", "&amp;", "y", "and", "et", "und", "e"]))
def test_a_conjunction_is_a_conjunction(one: str, other: str, joined_by: str) -> None:
    """`&` is what each language says for it."""
    assert key_or_none(f"{one} {joined_by} {other}") == key_or_none(f"{one} & {other}")


@given(PLAIN)
def test_the_english_article_comes_off(name: str) -> None:
    """In front or, as lists sort it, behind."""
    assert key_or_none(f"The {name}") == key_or_none(f"{name}, The") == key_or_none(name)


@given(NAMES)
def test_what_is_explained_is_what_was_written(name: str) -> None:
    """The display name has the key of the name, so that a report can be fed back."""
    if key_or_none(name) is not None:
        parsed = parse_name(name)

        assert key_or_none(parsed.display_name) in {parsed.key, None}
