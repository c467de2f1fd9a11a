"""Which encoding a lead file is in.

Byte order marks first, then UTF-8, then cp1252. No statistics: a wrong guess about a short
file turns every accented company into another company, and that costs money.
"""

import codecs
import re
from dataclasses import dataclass

from anyascii import anyascii

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")
_NON_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name, and the byte order mark that the file starts with (may be empty)."""

    codec: str
    bom: bytes = b""

    def decode(self, raw: bytes) -> str:
        """Return the text; a broken byte of a UTF-8 file becomes a lone surrogate."""
        return raw.removeprefix(self.bom).decode(self.codec, self._errors)

    def encode(self, text: str) -> bytes:
        """Return the bytes of text that `decode` or `representable` returned, without the mark."""
        return text.encode(self.codec, self._errors)

    def representable(self, text: str) -> str:
        """Return *text* with the closest ASCII for each character this encoding lacks."""
        try:
            text.encode(self.codec)
        except UnicodeEncodeError:
            return "".join(map(self._closest, text))
        return text

    def _closest(self, char: str) -> str:
        try:
            char.encode(self.codec)
        except UnicodeEncodeError:
            return anyascii(char) or "?"
        return char

    @property
    def _errors(self) -> str:
        return "surrogateescape" if self.codec == "utf-8" else "strict"


def detect_encoding(raw: bytes) -> Encoding:
    """Say which encoding *raw* is in; never fails, since any bytes are latin-1.

    A file that is UTF-8 but for a few broken bytes is UTF-8: the rows with those bytes are
    reported, and the accents of all others stay what they are.
    """
    for bom, codec in _BOMS:
        if raw.startswith(bom):
            return Encoding(codec, bom)
    utf8 = Encoding("utf-8")
    text = utf8.decode(raw)
    if len(_UNDECODED.findall(text)) <= len(_NON_ASCII.findall(text)):
        return utf8
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return Encoding("latin-1")
    return Encoding("cp1252")


def has_broken_bytes(text: str) -> bool:
    """Say whether *text* holds bytes that its encoding could not read."""
    return _UNDECODED.search(text) is not None
