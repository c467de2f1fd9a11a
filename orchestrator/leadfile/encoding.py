"""Which encoding a lead file is in.

Byte order marks first, then UTF-8, then cp1252. No statistics: a wrong guess about a short
file turns every accented company into another company, and that costs money.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from anyascii import anyascii

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_NON_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name, and the byte order mark that the file starts with (may be empty)."""

    codec: str
    bom: bytes = b""

    @property
    def errors(self) -> str:
        """How to decode: a broken byte of a UTF-8 file becomes a lone surrogate."""
        return "surrogateescape" if self.codec == "utf-8" else "strict"

    def encode(self, text: str) -> bytes:
        """Return the bytes of text that was decoded so, or is `representable`, without the mark."""
        return text.encode(self.codec, self.errors)

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


def detect_encoding(chunks: Iterable[bytes]) -> Encoding:
    """Say which encoding the bytes of *chunks* are in; never fails, since any bytes are latin-1.

    A file that is UTF-8 but for a few broken bytes is UTF-8: the rows with those bytes are
    reported, and the accents of all others stay what they are. So all of it is looked at.
    """
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    broken = foreign = 0
    is_cp1252 = True
    for number, chunk in enumerate(chain(chunks, [b""])):
        if number == 0:
            for bom, codec in _BOMS:
                if chunk.startswith(bom):
                    return Encoding(codec, bom)
        # The end of the last chunk may be half of a character.
        text = decode(chunk, not chunk)
        if not text.isascii():
            broken += len(_UNDECODED.findall(text))
            foreign += len(_NON_ASCII.findall(text))
        is_cp1252 = is_cp1252 and _NOT_CP1252.search(chunk) is None
    if broken <= foreign:
        return Encoding("utf-8")
    return Encoding("cp1252" if is_cp1252 else "latin-1")


def has_broken_bytes(text: str) -> bool:
    """Say whether *text* holds bytes that its encoding could not read."""
    return _UNDECODED.search(text) is not None
