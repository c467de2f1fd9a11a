"""The sentence or cell that a value stands in, and text without markup.

A cell is a line: of a table, a list, an address. Every quote that this package gives comes from
`passage`, so that it occurs word for word in `fold(text)` of the text that it was read from.
"""

import html
import re
from typing import Final

MOST_READ: Final = 60_000
"""Characters of one text that are read. A crawled page has 50,000 at most."""
LONGEST_QUOTE: Final = 300
_LONGEST_SENTENCE: Final = 600

_BLANKS: Final = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)
_LINE_ENDS: Final = "\n\r\x0b\x0c\x85\u2028\u2029"
_SENTENCE_END: Final = re.compile(
    r"(?:(?<=\w{3}[.!?])|(?<=[)\]\u00bb\"%][.!?]))\s+(?=[^\W\d_a-z]|[\u00bf\u00a1*#])"
)
_LINK: Final = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\s]{0,500}(?: [^()\n]{0,200})?\)")
_TAG: Final = re.compile(r"<[/!a-zA-Z][^<>]{0,500}>")
_MARKS: Final = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)|^\s*(?:#{1,6}|>|[-+])\s+", re.MULTILINE)


def fold(text: str) -> str:
    r"""Return *text* with each run of blanks and control characters as one space.

    >>> fold(" Tel:\t\x1b91 \n")
    'Tel: 91'
    """
    return _BLANKS.sub(" ", text).strip()


def plain(text: str) -> str:
    """Return *text* without markdown, HTML and control characters, on one line.

    >>> plain("## **Acme** [makes](https://acme.example) <b>tools</b> &amp; parts")
    'Acme makes tools & parts'
    """
    bare = _TAG.sub(" ", html.unescape(_TAG.sub(" ", _LINK.sub(r"\1", text))))
    return fold(_MARKS.sub(" ", bare))


def passage(text: str, start: int, end: int) -> str:
    """Return the folded sentence or cell of *text* that holds its characters *start* to *end*.

    At most `LONGEST_QUOTE` characters long if the characters themselves are not longer.
    """
    first, last = _line(text, start, end)
    for found in _SENTENCE_END.finditer(text, first, last):
        if found.end() <= start:
            first = found.end()
        elif found.start() >= end:
            last = found.start()
            break
    return _bounded(text, first, start, end, last)


def _line(text: str, start: int, end: int) -> tuple[int, int]:
    lowest, highest = max(0, start - _LONGEST_SENTENCE), min(len(text), end + _LONGEST_SENTENCE)
    first = max(text.rfind(mark, lowest, start) for mark in _LINE_ENDS)
    ends = [at for mark in _LINE_ENDS if (at := text.find(mark, end, highest)) >= 0]
    return (first + 1 if first >= 0 else lowest), min(ends, default=highest)


def _bounded(text: str, first: int, start: int, end: int, last: int) -> str:
    spare = max(0, LONGEST_QUOTE - (end - start))
    before = min(start - first, max(spare // 2, spare - (last - end)))
    if start - before > first:
        first = _next_word(text, start - before, start)
    if last - end > spare - before:
        last = end + spare - before
        last = max(end, text.rfind(" ", end, last))
    return fold(text[first:last])


def _next_word(text: str, at: int, start: int) -> int:
    blank = text.find(" ", at, start)
    return blank + 1 if blank >= 0 else start
