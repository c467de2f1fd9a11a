"""The catalogue of what the commands say in Spanish."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.core
from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.app import COMMANDS, command_line, load_command
from orchestrator.cli.console import day, dollars, instant, number, percent
from orchestrator.cli.spanish import catalogue, translate, translate_message
from orchestrator.cli.stored import CONDITIONS
from orchestrator.infra.clock import utc_now
from tests.support.project import ROOT

TEXTS, HELP, MESSAGES = catalogue(None), catalogue("help"), catalogue("message", "library")
MODULES = sorted((ROOT / "orchestrator" / "cli").glob("*.py"))
#: Packages whose enumerations and fields are printed.
PACKAGES = [
    *("agents/cdao", "orchestrator/doctor", "orchestrator/evidence", "orchestrator/handlers"),
    *("orchestrator/leads", "orchestrator/purchasing"),
]
#: Functions that print their texts, or headers, in the user's language.
SPEAKING = {"translate", "print_sentence", "table", "_table", "_titled_table", "_numbers"}
#: Texts with a space that are no prose, or that a record has in English.
APART = {
    *("Value error, ", "{} --help", "emasai: {}", "{}{} US$", "{} UTC", "--reason {}"),
    *('{"counts": {},\n"failed": [', "wilson, 95 %", "the deadline {}"),
    *("{}: {} sampled", "{} leads by id", "where {}", "job {}"),
    *("{} (`emasai schedule list`)", "which `emasai identity show '{}'` lists"),
    "How many to list; {} by default, all as JSON.",
    "Stored leads that meet all of: {}.",
    CONDITIONS,
}


@pytest.fixture
def _spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMASAI_LANGUAGE", "es")


def _text_of(node: ast.AST) -> str | None:
    """Return the text of an expression, with `{}` for each value in it."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(parts):
            return "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts
            )
    return None


def _texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module but for docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    pieces = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces.update(id(part) for part in node.values)
        if id(node) not in pieces and (text := _text_of(node)) is not None:
            yield text


def _spoken(path: Path) -> Iterator[str]:
    """Yield the texts that a module hands to what prints in the user's language."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in SPEAKING:
            continue
        arguments = node.args if ast.unparse(node.func).endswith("table") else node.args[:1]
        for argument in arguments:
            match argument:
                case ast.IfExp(body=body, orelse=orelse):
                    parts: list[ast.expr] = [body, orelse]
                case _:
                    parts = [argument]
            yield from (text for part in parts if (text := _text_of(part)))


def _is_prose(text: str) -> bool:
    return " " in text.strip() and any(char.isalpha() for char in text.replace("{}", ""))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_text_has_its_spanish_one(path: Path) -> None:
    """All of more than one word, and each word that is handed to what prints in Spanish."""
    prose = {text for text in _texts(path) if _is_prose(text)} | set(_spoken(path))

    assert not prose - set(TEXTS) - set(HELP) - set(MESSAGES) - APART


def test_no_text_is_left_over() -> None:
    """Each is somewhere in the program: as a text, a header, or the value of an enumeration."""
    texts = {text for path in MODULES for text in _texts(path)}
    codes = {text for name in PACKAGES for text in _values(ROOT / name)}
    words = {text.strip().replace("_", " ") for text in texts | codes}

    assert not {text for text in TEXTS if text not in texts | codes and text not in words}


def test_no_message_is_left_over() -> None:
    """Some words of each are said one after the other by this program; a value may part them."""
    said = " ".join(_words("".join(_texts(path))) for path in (ROOT / "orchestrator").rglob("*.py"))

    assert [text for text in catalogue("message") if not _is_said(text, said)] == []


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def _is_said(message: str, by: str) -> bool:
    words = max(map(_words, message.split("{}")), key=len).split()
    runs = (words[at : at + 4] for at in range(max(1, len(words) - 3)))
    return any(" ".join(run) in by for run in runs)


def _values(folder: Path) -> Iterator[str]:
    """Yield the values of the enumerations, and the names of fields, in *folder*."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            for line in node.body:
                match line:
                    case ast.Assign(value=ast.Constant(str(value))):
                        yield value
                    case ast.AnnAssign(target=ast.Name(name)):
                        yield name


def _help(command: TyperCommand | TyperGroup) -> Iterator[str]:
    """Yield what the help of *command* and its commands says."""
    yield from str(command.help).split("\n\n")
    yield str(command.options_metavar)
    for param in command.get_params(typer.Context(command, **command.context_settings)):
        yield str(getattr(param, "help", ""))
        yield str(param.metavar)
    if isinstance(command, TyperGroup):
        yield command.subcommand_metavar
        for each in command.commands.values():
            assert isinstance(each, TyperCommand)
            yield from _help(each)


def _whole_help() -> set[str]:
    return {
        text
        for command in (command_line(), *map(load_command, COMMANDS))
        for text in _help(command)
        if text and text != "None"
    }


def test_the_help_is_all_there_and_nothing_is_left_over() -> None:
    """Of every command, argument and option; and each text of the catalogue is one of them."""
    said = _whole_help()
    titles = {"Usage: ", "Arguments", "Options", "Commands", "[default: {}]", "[required]"}

    assert not {text for text in said if _is_prose(text)} - set(HELP)
    assert not set(HELP) - said - titles


@pytest.mark.usefixtures("_spanish")
def test_the_help_is_in_spanish() -> None:
    """No text of it is the English one."""
    assert not {text for text in _whole_help() if _is_prose(text)} & set(HELP) - set(HELP.values())


def test_translations_have_places_for_all_values() -> None:
    """None but those of sentences by pydantic is left out: they explain in English."""
    for english, spanish in (*TEXTS.items(), *HELP.items(), *MESSAGES.items()):
        if not english.startswith("Input should be a valid "):
            assert english.count("{") == spanish.count("{"), english


@pytest.mark.usefixtures("_spanish")
def test_values_stay_as_they_are() -> None:
    """Whatever they contain, also braces, line ends and words of the catalogue."""
    typed = "'rows {0}\nto buy'"

    assert translate_message(f"No such option: {typed}") == f"No existe la opción {typed}"
    assert translate("Results are in {}.", typed) == f"Los resultados están en {typed}."


@pytest.mark.parametrize("text", ["", "a text that no command has", "rows of mine", "{x}"])
@pytest.mark.usefixtures("_spanish")
def test_what_is_not_in_the_catalogue_stays(text: str) -> None:
    """As it is, braces included."""
    assert translate(text) == translate_message(text) == text


@pytest.mark.parametrize("setting", ["en", "fr", ""])
def test_another_language_is_english(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the setting is wrong, which is told elsewhere."""
    monkeypatch.setenv("EMASAI_LANGUAGE", setting)

    assert translate("to buy") == "to buy"
    assert translate_message("Missing command.") == "Missing command."
    assert (number(1234.5, 1), percent(0.5), dollars(-12_000_000)) == ("1,234.5", "50%", "-$12.00")


@pytest.mark.usefixtures("_spanish")
def test_numbers_and_dates_are_written_in_spanish() -> None:
    """With a comma for decimals, and the day first."""
    now = utc_now()

    assert (number(1234.5, 1), percent(0.5)) == ("1.234,5", "50 %")
    assert (dollars(1_234_500_000), dollars(-46_500)) == ("1.234,50 US$", "-0,0465 US$")
    assert instant(now) == f"{day(now)} {now:%H:%M:%S}"
    assert day(now) == f"{now:%d/%m/%Y}"
