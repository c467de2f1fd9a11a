"""Writes docs/cli.md from the commands: `python -m tools.cli_reference`.

The sentences are the help texts and docstrings in `orchestrator/cli`. A test compares the page.
"""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.app import COMMANDS, load_command

ROOT: Final = Path(__file__).parents[1]

_PAGE: Final = """\
# Command line

Generated from [orchestrator/cli](../orchestrator/cli) by `python -m tools.cli_reference`. Each
command prints the same with `--help`.

Without settings the commands start an embedded stack under `.emasai/`, and SurfSense data is
simulated; see [configuration.md](configuration.md). Results go to standard output, everything else
to standard error. With `--json` a command prints JSON for programs. Ctrl-C ends the watching of a
job, not the job: the same command continues it, and buys nothing twice. While a backend is
unavailable a command waits for it, up to two minutes.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed: a backend is unavailable, a file cannot be read, a fault was found |
| 2 | wrong usage or settings |
| 3 | done in part: some rows failed, were not usable, or are pending |
| 4 | some companies were not bought, since a budget is used up |

{contents}

{commands}
"""


def page() -> str:
    """Return the text of docs/cli.md."""
    contents, sections = list[str](), list[str]()
    for name, (_, text) in COMMANDS.items():
        contents.append(f"- [`emasai {name}`](#emasai-{name}): {text}")
        sections += _sections(f"emasai {name}", load_command(name), level=2)
    return _PAGE.format(contents="\n".join(contents), commands="\n\n".join(sections))


def _sections(path: str, command: TyperCommand | TyperGroup, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} {path}"
    if isinstance(command, TyperGroup):
        yield str(command.help)
        for name, each in command.commands.items():
            assert isinstance(each, TyperCommand)  # noqa: S101 - groups are one level deep
            yield from _sections(f"{path} {name}", each, level=level + 1)
        return
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    is_plain = len(arguments) == len(command.params)
    usage = " ".join([path, *arguments, *([] if is_plain else ["[OPTIONS]"])])
    yield f"```\n{usage}\n```"
    yield from (" ".join(each.split()) for each in str(command.help).split("\n\n"))
    if command.params:
        rows = [f"| {_names(each)} | {_explained(each)} |" for each in command.params]
        yield "\n".join(["| argument or option | |", "|---|---|", *rows])


def _argument(param: Any) -> str:  # noqa: ANN401 - Typer's own types are not exported
    several = "..." if param.nargs == -1 and "..." not in param.metavar else ""
    return f"{param.metavar}{several}" if param.required else f"[{param.metavar}{several}]"


def _names(param: Any) -> str:  # noqa: ANN401 - Typer's own types are not exported
    if param.param_type_name == "argument":
        return f"`{_argument(param)}`".replace("|", "\\|")
    value = "" if param.metavar is None else f" {param.metavar}"
    return ", ".join(f"`{name}{value}`" for name in param.opts).replace("|", "\\|")


def _explained(param: Any) -> str:  # noqa: ANN401 - (as above)
    has_default = param.default not in (None, False, ()) and not callable(param.default)
    value = param.default.value if isinstance(param.default, Enum) else param.default
    default = f" Default: `{value}`." if has_default else ""
    required = " Required." if param.required and param.param_type_name == "option" else ""
    return f"{param.help}{required}{default}".replace("|", "\\|")


if __name__ == "__main__":
    (ROOT / "docs" / "cli.md").write_text(page(), encoding="utf-8")
