"""What the commands say in Spanish, by the English text: help, printed texts, errors (`es.po`).

What is not in the catalogue stays English, as codes and the names of fields do; so do `--json` and
logs.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agents.case import Language

#: What a text is: printed (None), help, or recognized when another module or a library has said it.
Context = Literal["help", "message", "library"] | None


@cache
def catalogue(*contexts: Context) -> dict[str, str]:
    """Return the Spanish texts of *contexts* by the English ones."""
    from babel.messages.pofile import read_po  # noqa: PLC0415 - English needs none of it

    with Path(__file__).with_name("es.po").open("rb") as file:
        messages = [message for message in read_po(file, locale="es") if message.id]
    return {
        str(message.id): str(message.string) for message in messages if message.context in contexts
    }


def language() -> "Language":
    """Return the user's language; English if the setting is wrong, which is told elsewhere."""
    # Not from the settings: `emasai --help` must not wait for pydantic.
    return "es" if os.environ.get("EMASAI_LANGUAGE", "").strip() == "es" else "en"


def translate(text: str, *values: object) -> str:
    """Return the English *text* in the user's language, with each `{}` replaced by a value.

    A text that is not in the catalogue stays as it is, as codes do.
    """
    if language() == "es":
        text = catalogue(None, "help").get(text, text)
    return text.format(*values) if values else text


def translate_message(message: str) -> str:
    """Return the English *message* of another module, values and all, in the user's language.

    It is recognized by its words; one that is not in the catalogue stays as it is.
    """
    if language() == "en":
        return message
    exact = catalogue("message", "library").get(message)
    if exact is not None:
        return exact
    for template, spanish in _templates():
        if found := template.fullmatch(message):
            return spanish.format(*found.groups())
    return message


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the texts with a place for others, the longest first: it says most."""
    messages = catalogue("message", "library")
    return tuple(
        (re.compile("(.+)".join(map(re.escape, text.split("{}"))), re.DOTALL), messages[text])
        for text in sorted(messages, key=len, reverse=True)
        if "{}" in text
    )
