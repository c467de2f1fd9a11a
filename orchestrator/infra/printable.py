r"""Text from outside made safe to show: no terminal acts on it, and it reads in its own order.

Control characters (C0 but for line feeds and tabs, DEL, C1), line and paragraph separators,
controls of the writing direction and lone surrogates are shown as escapes, such as `\x1b` or
`\u202e`. Pure. Apart from `bounds`, since `emasai --help` must not wait for pydantic.
"""

import json
import re

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return *text* with an escape for each character that a terminal could act on.

    >>> printable("Acme\x1b[31m"), printable("a\u202eb"), printable("Peñoles 銅\n")
    ('Acme\\x1b[31m', 'a\\u202eb', 'Peñoles 銅\n')
    """
    return _UNPRINTABLE.sub(_escape, text)


def printable_json(text: str) -> str:
    r"""Return the JSON *text*, which means the same, with such characters escaped as JSON does.

    >>> printable_json('{"name": "a\u202eb\x7f"}')
    '{"name": "a\\u202eb\\u007f"}'
    """
    return _UNPRINTABLE.sub(json_escape, text)


def json_escape(found: re.Match[str]) -> str:
    """Return the escape of JSON for the character that was *found* in a string."""
    return json.dumps(found[0])[1:-1]


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
