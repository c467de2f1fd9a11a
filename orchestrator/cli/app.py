"""The command line as a whole: which commands there are, and how errors leave them.

Commands are imported when they are used, so that `emasai --help` starts without the libraries of
Redis, SQL and HTTP. An error ends as one sentence and one exit code, never as a traceback.
"""

import gc
import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import typer
from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.console import Exit, accept_any_output, err, flush

if TYPE_CHECKING:
    from agents.case import Language

#: Every command, in the order of the help: its module, which defines it under the same name, and
#: its short help. A test compares the texts with the commands' own.
COMMANDS: Final = {
    "run": ("run", "Enrich and judge leads: opportunities and discards, with their reasons."),
    "enrich": ("enrich", "Look up companies by name, or those of a file; each is bought once."),
    "explain": (
        "explain",
        "Show what is known of a company: key, purchases, evidence and decisions.",
    ),
    "costs": ("costs", "Show what was spent and saved, by day, tenant, source or company."),
    "budget": ("costs", "Show what is spent, held and left of each budget."),
    "invalidate": ("explain", "Forget results of companies; their next lookup buys them again."),
    "doctor": ("doctor", "Examine the installation; report each fault with its fix."),
    "up": (
        "installation",
        "Run the embedded stack and its API until Ctrl-C. Its data is simulated.",
    ),
    "worker": ("installation", "Run a Celery worker of a configured installation."),
    "api": ("installation", "Run the HTTP API of a configured installation."),
    "sandbox": (
        "installation",
        "Run the SurfSense sandbox alone; `emasai sandbox --help` lists its options.",
    ),
    "jobs": ("jobs", "List, pause, resume and cancel jobs; requeue failed items."),
    "db": ("db", "Show or migrate the schema of the database."),
    "handover": ("handover", "List hand-overs of opportunities to the sales agent; retry them."),
    "schedule": ("schedule", "Look up companies again at intervals."),
    "person": ("person", "Export, or erase, what is kept about a person."),
    "identity": ("identity", "Decide which names, domains and keys are one company, permanently."),
}
#: The options of the sandbox are its own: they are passed on unchanged.
_PASS_ON: Final = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
#: The class of Typer's usage errors, which it does not export.
_USAGE: Final[type[typer.BadParameter]] = typer.BadParameter.__mro__[1]
#: What pydantic puts before the sentences of validators.
_PYDANTIC: Final = "Value error, "
#: Longer arguments, and those with unusual characters, are checked; see `_check_arguments`.
_SHORT: Final = 1_000


class LazyGroup(TyperGroup):
    """A group that lists its commands without importing them."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - Typer's own types
        """Return the command that *args* name, with its options, and the arguments that remain."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import the command of that *name*."""
    # Nothing of what is imported is garbage, and looking for some takes an eighth of the time.
    gc.disable()
    try:
        module = importlib.import_module(f"orchestrator.cli.{COMMANDS[name][0]}")
    finally:
        gc.enable()
    defined = getattr(module, name)
    if isinstance(defined, typer.Typer):
        group: TyperGroup = typer.main.get_group(defined)
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name, context_settings=_PASS_ON if name == "sandbox" else None)(defined)
    return cast("TyperCommand", typer.main.get_command(alone))


app: Final = LazyGroup(
    name="emasai",
    help="Enrich and judge leads without ever paying twice for the same company.",
    commands={name: TyperCommand(name, help=text) for name, (_, text) in COMMANDS.items()},
    no_args_is_help=True,
)


def main() -> None:
    """Run the command line; errors of known classes end it without a traceback."""
    accept_any_output()
    try:
        _check_arguments(sys.argv[1:])
        # Not Typer's own printing of errors: they quote what was typed, whatever it contains.
        code = app(standalone_mode=False)
        flush()
    except typer.Abort:
        err.print("Aborted.")
        code = Exit.FAILED
    except KeyboardInterrupt:
        err.print("Stopped.")
        code = Exit.FAILED
    except Exception as error:
        if isinstance(error, _USAGE):
            code = _print_usage(error)
        else:
            code = _exit_code_of(error)
            if code is None:
                raise
            err.print(f"emasai: {_sentence_of(error)}", style="red")
    sys.exit(code)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text, and control characters: no entry point accepts them.

    Raises:
        typer.BadParameter: With what to do.
    """
    for argument in arguments:
        if len(argument) > _SHORT or not argument.isprintable():
            from orchestrator.cli.options import check_text  # noqa: PLC0415 - pydantic is slow

            check_text(argument)


def _print_usage(error: typer.BadParameter) -> int:
    message = error.format_message()
    if message:  # a group without a command has printed its help instead
        from orchestrator.cli.spanish import said  # noqa: PLC0415 - see `_exit_code_of`

        language = _language()
        own = error.message if message.endswith(error.message) else message
        where, why = message.removesuffix(own), own.removeprefix(_PYDANTIC)
        err.print(f"emasai: {said(where, language)}{said(why, language)}", style="red")
        if error.ctx is not None:
            err.print(said(error.ctx.get_usage(), language))
            err.print(said(f"See `{error.ctx.command_path} --help`.", language))
    return error.exit_code


def _exit_code_of(error: Exception) -> Exit | None:
    """Return the exit code for an error that a user can understand; None for an unexpected one."""
    # A command that raises one of these has imported their modules.
    from orchestrator.cli.installation import EmbeddedStackUnavailable  # noqa: PLC0415
    from orchestrator.database import DatabaseUnavailable, SchemaMismatch  # noqa: PLC0415
    from orchestrator.identity import InvalidCompanyName  # noqa: PLC0415
    from orchestrator.identity.resolution import BadDecision  # noqa: PLC0415
    from orchestrator.infra.redis_client import StoreUnavailable  # noqa: PLC0415
    from orchestrator.jobs import JobGone, NotNow, UnreadableJob  # noqa: PLC0415
    from orchestrator.leadfile import LeadFileError  # noqa: PLC0415
    from orchestrator.memo import MemoError  # noqa: PLC0415
    from orchestrator.settings import ConfigurationError  # noqa: PLC0415

    wrong_input = (BadDecision, ConfigurationError, InvalidCompanyName)
    failures = (
        *(DatabaseUnavailable, EmbeddedStackUnavailable, JobGone, LeadFileError, MemoError),
        *(NotNow, SchemaMismatch, StoreUnavailable, UnreadableJob, OSError),
    )
    if isinstance(error, wrong_input):
        return Exit.USAGE
    return Exit.FAILED if isinstance(error, failures) else None


def _sentence_of(error: Exception) -> str:
    """Return what a known *error* says, in the user's language where it has several."""
    from orchestrator.leadfile import LeadFileError  # noqa: PLC0415 - see `_exit_code_of`

    return error.sentence(_language()) if isinstance(error, LeadFileError) else str(error)


def _language() -> "Language":
    """Return the user's language; English while the settings are wrong, which is told later."""
    from orchestrator import settings  # noqa: PLC0415 - see `_exit_code_of`

    try:
        return settings.load_command().language
    except settings.ConfigurationError:
        return "en"
