"""`emasai doctor`: examines the installation, and reports each fault with its fix."""

import asyncio
from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import Exit, out, print_json
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import configured, home
from orchestrator.doctor import Finding, Level, examine
from orchestrator.settings import is_configured

_MARK = {
    Level.OK: Text("ok", "green"),
    Level.WARNING: Text("warning", "yellow"),
    Level.FAULT: Text("fault", "red"),
}


def doctor(*, as_json: AsJson = False) -> None:
    """Examine the installation; report each fault with its fix.

    Without settings it examines the embedded stack.
    """
    findings = _configured_findings() if is_configured() else _embedded_findings()
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        out.print(_table(findings))
    faulty = any(finding.level is Level.FAULT for finding in findings)
    raise typer.Exit(Exit.FAILED if faulty else Exit.DONE)


def _configured_findings() -> list[Finding]:
    # Not through `configured`: incomplete settings are a finding here, not an error.
    return asyncio.run(examine())


def _embedded_findings() -> list[Finding]:
    with configured() as settings:
        findings = asyncio.run(examine(settings, folder=home()))
    # The embedded stack starts workers for the commands that need them.
    return [finding for finding in findings if finding.check != "workers"]


def _table(findings: list[Finding]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for finding in findings:
        fix = "" if finding.fix is None else f"; {finding.fix}"
        table.add_row(_MARK[finding.level], finding.check, f"{finding.what}{fix}")
    return table
