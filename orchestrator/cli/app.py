"""The Typer application, and how errors leave it: one sentence, one exit code, no traceback."""

import sys

import typer

from orchestrator.cli.budget import budget
from orchestrator.cli.console import err
from orchestrator.cli.costs import costs
from orchestrator.cli.doctor import doctor
from orchestrator.cli.enrich import enrich
from orchestrator.cli.exits import Exit
from orchestrator.cli.explain import explain
from orchestrator.cli.failed import failed
from orchestrator.cli.handover import handover
from orchestrator.cli.identity import identity
from orchestrator.cli.invalidate import invalidate
from orchestrator.cli.jobs import jobs
from orchestrator.cli.requeue import requeue_failed
from orchestrator.cli.run import run
from orchestrator.cli.schedule import schedule
from orchestrator.cli.serve import api, sandbox, up, worker
from orchestrator.database import DatabaseUnavailable, SchemaTooNew
from orchestrator.embedded import StackError
from orchestrator.identity import InvalidCompanyName
from orchestrator.identity.decisions import BadDecision
from orchestrator.jobs import NotNow
from orchestrator.leadfile import LeadFileError
from orchestrator.memo import MemoError, StoreUnavailable
from orchestrator.settings import ConfigurationError

app = typer.Typer(
    name="emasai",
    help="Enrich and judge leads without ever paying twice for the same company.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (run, enrich, explain, costs, budget, invalidate, doctor, up, worker, api):
    app.command()(command)
jobs.command()(failed)
jobs.command("requeue")(requeue_failed)
app.add_typer(jobs)
app.add_typer(handover, name="handover")
app.add_typer(schedule)
app.add_typer(identity)
# Its options are the sandbox's own: they are passed on as they are.
app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)(sandbox)

_WRONG_INPUT = (BadDecision, ConfigurationError, InvalidCompanyName)
_FAILURES = (
    DatabaseUnavailable,
    LeadFileError,
    MemoError,
    NotNow,
    SchemaTooNew,
    StackError,
    StoreUnavailable,
    OSError,
)


def main() -> None:
    """Run the command line; never ends with a traceback for a fault that has a name."""
    try:
        app()
    except _WRONG_INPUT as error:
        _end(error, Exit.USAGE)
    except _FAILURES as error:
        _end(error, Exit.FAILED)
    except KeyboardInterrupt:
        err.print("Stopped.")
        sys.exit(Exit.FAILED)


def _end(error: Exception, code: Exit) -> None:
    err.print(f"emasai: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
