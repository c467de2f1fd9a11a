"""How the text of a cell is looked at: without what nobody sees, or without how it is written."""

import unicodedata

from orchestrator.infra.bounds import is_invisible


def visible(text: str) -> str:
    """Return *text* without blanks and invisible characters at its ends.

    Inside they stay: a zero-width joiner is part of many names.
    """
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while end > start and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


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
