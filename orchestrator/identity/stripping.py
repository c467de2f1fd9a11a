"""Decides what comes off the ends of a name: legal forms, remarks on them, the English article.

A split key is paid twice, a merged one shows another company's data. So where two forms that
don't belong together stand behind one another (`Urban Spa SL`), one of them may be part of the
name, and nothing comes off. A name is never stripped to nothing, and what is left has no form at
its ends: stripping it again changes nothing.
"""

from typing import Final, NamedTuple

from .forms import FORMS, Form

_ARTICLE: Final = Form("The", ("*",), "note")
_THE: Final = "the"
_CONJUNCTIONS: Final = frozenset({"&", "and", "y", "e", "et", "und", "u", "och", "og"})


class Removal(NamedTuple):
    """Words that came off a name, as folded, and the line of the table that says why."""

    text: str
    form: Form


class Stripped(NamedTuple):
    """What is left of a name, what came off, and the company's form if the name has one."""

    words: list[str]
    removed: tuple[Removal, ...]
    form: Form | None


def strip(words: list[str]) -> Stripped:
    """Take the forms off both ends of *words* (at least one word)."""
    stripped = _strip_end(words)
    stripped = stripped and _strip_front(stripped)
    return stripped or Stripped(words, (), None)


def _strip_end(words: list[str]) -> Stripped | None:
    """Return None where two forms contradict each other."""
    rest = words
    removed: tuple[Removal, ...] = ()
    main: Form | None = None
    while found := _last_form(rest, is_outermost=not removed):
        length, text, form = found
        if form.kind in {"form", "kept"} and main is not None and main is not form:
            return None
        if form.kind != "note":
            main = main or form
        rest = rest[:-length]
        removed = (*removed, Removal(text, form))
    if main is not None and main.kind == "kept":
        rest = [*rest, main.slug]
        removed = tuple(r for r in removed if r.form is not main)
    return Stripped(rest, removed, main)


def _last_form(words: list[str], *, is_outermost: bool) -> tuple[int, str, Form] | None:
    for length, text, form in FORMS.endings(words):
        if _is_name_before(words[: -length], text, is_outermost=is_outermost):
            return length, text, form
    return None


def _is_name_before(rest: list[str], text: str, *, is_outermost: bool) -> bool:
    """Say whether *rest* can be a name that the form *text* follows."""
    before = rest[-1]
    if before in _CONJUNCTIONS:
        # "Silva & Cia Ltda" loses "Ltda" only, yet the E of "Plan E SL" is a letter.
        return len(before) == 1 and before != "&" and not text.startswith("c")
    if len(before) == 1 and before.isalpha() and text[1:2] == " ":
        # Initials before initials: "R S S A" ends with S.A., "S G P S" not with P/S.
        return is_outermost and text[0] == "s"
    return rest != [_THE]


def _strip_front(stripped: Stripped) -> Stripped | None:
    """Return None where a form at the front contradicts the one at the end."""
    words, removed, main = stripped
    ending = next((r.text for r in removed if r.form.kind != "note"), main.slug if main else "")
    while True:
        if words[0] == _THE and len(words) > 1 and not FORMS.is_form(words[1:]):
            words = words[1:]
            removed = (*removed, Removal(_THE, _ARTICLE))
            continue
        for length, text, form, endings in FORMS.leadings(words):
            if ending in endings:
                words = words[length:]
                removed = (*removed, Removal(text, form))
                main = main or form
                break
            if "" in endings:
                return None
        else:
            return Stripped(words, removed, main)
