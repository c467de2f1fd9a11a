"""The catalogue of what the commands say in Spanish."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.spanish import SPANISH, said
from tests.support.project import ROOT

#: The commands of sales operations, and what they share.
COMMANDS = (
    *("run", "enrich", "jobs", "explain"),
    *("options", "sample", "stored"),
)


def _texts(node: ast.expr, names: dict[str, ast.expr]) -> Iterator[str]:
    """Yield the text of an expression, with `{}` for each value in it."""
    match node:
        case ast.Constant(str(text)):
            yield text
        case ast.JoinedStr(parts):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts
            )
        case ast.Name(name):
            yield from _texts(names[name], names)


def _usage_errors(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.BadParameter":
            yield from _texts(node.args[0], names)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_wrong_usage_is_told_in_spanish(command: str) -> None:
    """Texts with values are looked up with places for these; `{} {}` is made of a known one."""
    texts = set(_usage_errors(ROOT / "orchestrator" / "cli" / f"{command}.py")) - {"{} {}"}

    filled = {text.replace("{}", "7d") for text in texts}

    assert texts or command == "jobs"
    assert not {text for text in filled if said(text, "es") == text}


def test_translations_have_places_for_all_values() -> None:
    """None but those of sentences by pydantic is left out: they explain in English."""
    for english, spanish in SPANISH.items():
        if not english.startswith("Input should be a valid "):
            assert english.count("{}") == spanish.count("{}"), english


def test_values_stay_as_they_are() -> None:
    """Whatever they contain, also braces, line ends and words of the catalogue."""
    typed = "'rows {0}\nto buy'"

    assert said(f"No such option: {typed}", "es") == f"No existe la opción {typed}"


@pytest.mark.parametrize("text", ["", "a text that no command has", "rows of mine"])
def test_what_is_not_in_the_catalogue_stays(text: str) -> None:
    """So does every text in English."""
    assert said(text, "es") == text
    assert said("to buy", "en") == "to buy"
