"""How the text of a cell is looked at: without what nobody sees, or without how it is written."""

import unicodedata

# Separators, controls and formats: spaces, zero-width characters, byte order marks.
_INVISIBLE = ("Z", "Cc", "Cf")
# Unicode calls these letters and marks, but they are as blank as a space.
_FILLERS = "\u034f\u115f\u1160\u2800\u3164\uffa0"


def visible(text: str) -> str:
    """Return *text* without blanks and invisible characters at its ends.

    Inside they stay: a zero-width joiner is part of many names.
    """
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while end > start and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char).startswith(_INVISIBLE) or char in _FILLERS


def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, words apart by one space.

    >>> fold("  Correo_Electrónico: "), fold("EE.UU.")
    ('correo electronico', 'eeuu')
    """
    letters = unicodedata.normalize("NFKD", text.replace(".", "")).casefold()
    kept = (c for c in letters if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())


def shown(text: str, limit: int = 60) -> str:
    """Return *text* as it may stand in a sentence: printable, on one line, not too long."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
