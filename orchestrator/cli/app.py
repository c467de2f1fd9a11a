"""The Typer application, and how errors leave it: one sentence, one exit code, no traceback."""

import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import typer
from pydantic import TypeAdapter

from orchestrator.cli.console import Exit, accept_any_output, err, flush
from orchestrator.cli.costs import budget, costs
from orchestrator.cli.db import db
from orchestrator.cli.doctor import doctor
from orchestrator.cli.enrich import enrich
from orchestrator.cli.explain import explain, invalidate
from orchestrator.cli.failed import failed, requeue_failed
from orchestrator.cli.handover import handover
from orchestrator.cli.identity import identity
from orchestrator.cli.jobs import jobs
from orchestrator.cli.options import bounded
from orchestrator.cli.run import run
from orchestrator.cli.schedule import schedule
from orchestrator.cli.serve import api, sandbox, up, worker
from orchestrator.cli.session import EmbeddedStackUnavailable
from orchestrator.database import DatabaseUnavailable, SchemaMismatch
from orchestrator.identity import InvalidCompanyName
from orchestrator.identity.decisions import BadDecision
from orchestrator.infra import bounds
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import JobGone, NotNow, UnreadableJob
from orchestrator.leadfile import LeadFileError
from orchestrator.memo import MemoError
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
app.add_typer(db)
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
    EmbeddedStackUnavailable,
    JobGone,
    LeadFileError,
    MemoError,
    NotNow,
    SchemaMismatch,
    StoreUnavailable,
    UnreadableJob,
    OSError,
)


_ANY_TEXT: Final = TypeAdapter(bounds.Notes)
#: What Typer says of a wrong usage: the class that all such errors have, which it does not export.
_USAGE: Final[type[typer.BadParameter]] = typer.BadParameter.__mro__[1]


def main() -> None:
    """Run the command line; never ends with a traceback for a fault that has a name."""
    accept_any_output()
    try:
        _check_arguments(sys.argv[1:])
        # Not Typer's own printing of errors: they quote what was typed, whatever it holds.
        code = app(standalone_mode=False)
        flush()
    except _USAGE as error:
        _end_usage(error)
    except typer.Abort:
        err.print("Aborted.")
        sys.exit(Exit.FAILED)
    except _WRONG_INPUT as error:
        _end(error, Exit.USAGE)
    except _FAILURES as error:
        _end(error, Exit.FAILED)
    except KeyboardInterrupt:
        err.print("Stopped.")
        sys.exit(Exit.FAILED)
    else:
        sys.exit(code)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text, and control characters: no entry point accepts them.

    Raises:
        typer.BadParameter: With what to do.
    """
    for argument in arguments:
        bounded(_ANY_TEXT, argument)


def _end_usage(error: typer.BadParameter) -> NoReturn:
    message = error.format_message()
    if message:  # a group without a command has printed its help instead
        err.print(f"emasai: {message}", style="red")
        if error.ctx is not None:
            err.print(f"{error.ctx.get_usage()}\n`{error.ctx.command_path} --help` says more.")
    sys.exit(error.exit_code)


def _end(error: Exception, code: Exit) -> NoReturn:
    err.print(f"emasai: {error}", style="red")
    sys.exit(code)
