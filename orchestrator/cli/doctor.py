"""`emasai doctor`: examines the installation, and reports each fault with its fix."""

import asyncio
from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import Exit, out, print_json
from orchestrator.cli.installation import configured, home
from orchestrator.cli.options import AsJson
from orchestrator.cli.spanish import translate
from orchestrator.doctor import Diagnosis, Level
from orchestrator.doctor.examine import examine
from orchestrator.settings import is_configured

_STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "red"}


def doctor(*, as_json: AsJson = False) -> None:
    """Examine the installation; report each fault with its fix.

    Without settings it examines the embedded stack.
    """
    diagnoses = _configured_diagnoses() if is_configured() else _embedded_diagnoses()
    if as_json:
        print_json([asdict(diagnosis) for diagnosis in diagnoses])
    else:
        out.print(_table(diagnoses))
    faulty = any(diagnosis.level is Level.FAULT for diagnosis in diagnoses)
    raise typer.Exit(Exit.FAILED if faulty else Exit.DONE)


def _configured_diagnoses() -> list[Diagnosis]:
    # Not through `configured`: incomplete settings are a diagnosis here, not an error.
    return asyncio.run(examine())


def _embedded_diagnoses() -> list[Diagnosis]:
    with configured() as settings:
        diagnoses = asyncio.run(examine(settings, folder=home()))
    # The embedded stack starts workers for the commands that need them.
    return [diagnosis for diagnosis in diagnoses if diagnosis.check != "workers"]


def _table(diagnoses: list[Diagnosis]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for diagnosis in diagnoses:
        fix = "" if diagnosis.fix is None else f"; {diagnosis.fix}"
        mark = Text(translate(diagnosis.level), _STYLE[diagnosis.level])
        table.add_row(mark, diagnosis.check, f"{diagnosis.what}{fix}")
    return table
