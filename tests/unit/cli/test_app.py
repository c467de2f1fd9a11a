"""The command line as a whole: its help, and what it imports."""

import subprocess
import sys

import pytest
from typer.core import TyperGroup

from orchestrator.cli import main
from orchestrator.cli.app import COMMANDS, command_line, load_command

#: Packages that `emasai --help` does without; each takes a tenth of a second or more to import.
HEAVY = {
    *("aiohttp", "alembic", "celery", "fastapi", "httpx", "kombu", "psutil", "pydantic", "redis"),
    *("sqlalchemy", "starlette", "structlog", "uvicorn", "uvloop"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_all_commands_says_what_each_says_itself(name: str) -> None:
    """The list is written without importing the commands, so its texts are compared here."""
    assert _summary(load_command(name).help) == COMMANDS[name][1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    """Each has a help text that is a sentence."""
    command = load_command(name)
    commands = command.commands.values() if isinstance(command, TyperGroup) else [command]

    for each in commands:
        assert _summary(each.help).endswith(".")
        for param in each.params:
            assert getattr(param, "help", ""), (name, each.name, param.name)
            assert param.metavar or getattr(param, "is_flag", False), (name, each.name, param.name)


def test_the_help_imports_no_heavy_packages() -> None:
    """Commands are imported when they are used, so that the help starts quickly."""
    program = (
        "import sys; sys.argv = ['emasai', '--help']\n"
        "import orchestrator.cli\n"
        "try:\n    orchestrator.cli.main()\n"
        "except SystemExit:\n    pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), sep='\\n')"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert all(name in printed for name in COMMANDS)
    assert not HEAVY & set(printed.split("\n"))


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("es", "no existe; compruebe el nombre del fichero y el de su carpeta"),
        ("en", "does not exist; check the name of the file and of its folder"),
        ("fr", "does not exist; check the name of the file and of its folder"),
    ],
    ids=["es", "en", "fr"],
)
def test_why_a_file_is_refused_is_said_in_the_language_of_the_installation(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    sentence: str,
) -> None:
    """In English where that setting is wrong, which is told once there is a file."""
    monkeypatch.setenv("EMASAI_LANGUAGE", language)
    monkeypatch.setattr(sys, "argv", ["emasai", "run", "leeds.csv"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err == f"emasai: leeds.csv {sentence}\n"


def test_a_mistyped_command_is_answered_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence, with exit code 2, and without importing anything for it."""
    monkeypatch.setattr(sys, "argv", ["emasai", "rnu"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert "Did you mean 'run'?" in capsys.readouterr().err


def test_ctrl_c_is_told_of_and_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one of the documented exit codes, whatever Typer makes of it."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.cli.doctor.doctor", interrupted)
    monkeypatch.setattr(sys, "argv", ["emasai", "doctor"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.strip() == "Stopped."


def test_the_group_lists_every_command() -> None:
    """In the order of the table."""
    assert list(command_line().commands) == list(COMMANDS)


def _summary(text: str | None) -> str:
    """Return the first paragraph of a help text."""
    return " ".join((text or "").split("\n\n")[0].split())
