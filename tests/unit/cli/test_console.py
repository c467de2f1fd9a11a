"""A terminal shows any text, and does not act on it."""

import ast
import contextlib
import io
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

import orchestrator.cli
from orchestrator.cli.console import err, notice, out, print_json

#: Any text, but often with what terminals, `rich` and writing systems take for an instruction.
HOSTILE = st.lists(
    st.text(max_size=5)
    | st.sampled_from(
        [
            *("\x1b[31m", "\x1b]0;owned\x07", "\x1b]8;;https://x.example\x1b\\", "\x9b2J", "\r"),
            *("\x00", "\x07", "\x08", "\x0b", "\x0c", "\x7f", "\x85", "\u2028", "\t", "\n"),
            *("[/]", "[/bar]", "[red]", "[link=https://x.example]", "[bold", "\\", "\\[", "]"),
            *(":smile:", "\u202e", "\u2066", "\u2069", "\u200e", "\u061c", "{name}", "%s"),
        ]
    ),
    max_size=12,
).map("".join)


def _is_safe(printed: str) -> bool:
    return all(
        char in "\n\t"
        or not (
            unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
            or unicodedata.bidirectional(char)
            in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
            or char in "\u061c\u200e\u200f"
        )
        for char in printed
    )


def _table(text: str) -> Table:
    table = Table(text, title=text)
    table.add_row(text)
    table.add_row(Text(text, "red"))
    return table


def _printed(print_it: Callable[[], None]) -> str:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        print_it()
    return stream.getvalue()


@pytest.mark.parametrize(
    "render", [str, Text, lambda text: Text.assemble((text, "bold"), text), _table]
)
@given(text=HOSTILE)
def test_no_text_reaches_a_terminal_as_an_instruction(
    render: Callable[[str], RenderableType], text: str
) -> None:
    """In a sentence, in styled text, in a cell, a header and a title."""
    assert _is_safe(_printed(lambda: out.print(render(text))))
    assert _is_safe(_printed(lambda: err.print(render(text), style="red")))
    assert _is_safe(_printed(lambda: notice(text, text)))


@example(text=":smile: [bold]x[/bold] \\[/]")
@given(text=st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), max_size=40))
def test_a_harmless_text_is_printed_as_it_is(text: str) -> None:
    """Brackets, backslashes and colons included."""
    assert _printed(lambda: out.print(text, soft_wrap=True)) == f"{text}\n"


@given(text=HOSTILE.filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text)))
def test_json_keeps_the_text_and_escapes_what_acts(text: str) -> None:
    """A program reads the original text; a terminal does not act on it."""
    printed = _printed(lambda: print_json({"name": text, text: [text]}))

    assert _is_safe(printed)
    assert json.loads(printed) == {"name": text, text: [text]}


def test_output_fits_a_terminal_of_another_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Latin-1 lacks is escaped, in JSON as JSON does."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1", errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", stream)

    out.print("Peñoles 銅")
    print_json({"name": "Peñoles 銅 😀"})

    stream.flush()
    sentence, _, rest = written.getvalue().decode("latin-1").partition("\n")
    assert sentence == "Peñoles \\u9285"
    assert json.loads(rest) == {"name": "Peñoles 銅 😀"}
    assert rest.isascii()


def test_commands_print_through_the_console_alone() -> None:
    """No other module of the command line writes to the terminal, or reads markup."""
    forbidden = {"echo", "secho", "from_markup", "print_exception", "stdout", "Console", "markup"}
    folder = Path(orchestrator.cli.__file__).parent
    found = {
        (path.name, name)
        for path in folder.glob("*.py")
        if path.name != "console.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [node.attr]
            if isinstance(node, ast.Attribute)
            else [node.id]
            if isinstance(node, ast.Name)
            else [node.name]
            if isinstance(node, ast.alias)
            else [node.arg]
            if isinstance(node, ast.keyword)
            else []
        )
        if name in forbidden or (isinstance(node, ast.Name) and name == "print")
    }

    assert not found
