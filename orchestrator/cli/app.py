"""The command line as a whole: which commands there are, and how errors leave them.

Commands are imported when they are used, so that `emasai --help` starts without the libraries of
Redis, SQL and HTTP. An error ends as one sentence and one exit code, never as a traceback.
"""

import gc
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, cast

import typer
from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.console import Exit, accept_any_output, err, flush, print_error
from orchestrator.cli.spanish import language, translate, translate_message

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
#: Names of Typer's texts for the help, which it offers to change.
_TITLES: Final = {
    "ARGUMENTS_PANEL_TITLE": "Arguments",
    "OPTIONS_PANEL_TITLE": "Options",
    "COMMANDS_PANEL_TITLE": "Commands",
    "DEFAULT_STRING": "[default: {}]",
    "REQUIRED_LONG_STRING": "[required]",
}
#: The class of Typer's usage errors, which it does not export.
_USAGE: Final[type[typer.BadParameter]] = typer.BadParameter.__mro__[1]
#: What Typer makes of a Ctrl-C; the commands have a code of their own for it.
_INTERRUPTED: Final = 130
#: What pydantic puts before the sentences of validators.
_PYDANTIC: Final = "Value error, "
#: Longer arguments, and those with unusual characters, are checked; see `_check_arguments`.
_SHORT: Final = 1_000


class _Context(typer.Context):
    def make_formatter(self) -> Any:  # noqa: ANN401 - Typer's own type
        """Return what writes the usage; titles and usage are in the user's language."""
        from typer import rich_utils  # noqa: PLC0415 - it imports Markdown, and only help needs it

        for name, text in _TITLES.items():
            setattr(rich_utils, name, translate(text))
        made = super().make_formatter()
        write = partial(made.write_usage, prefix=translate("Usage: "))
        made.write_usage = write  # type: ignore[method-assign]  # Typer has no option for it
        return made


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
    command: TyperCommand | TyperGroup
    if isinstance(defined, typer.Typer):
        command = typer.main.get_group(defined)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name, context_settings=_PASS_ON if name == "sandbox" else None)(defined)
        command = cast("TyperCommand", typer.main.get_command(alone))
    _translate_help(command)
    return command


def command_line() -> LazyGroup:
    """Return the `emasai` command, with its help in the user's language."""
    group = LazyGroup(
        name="emasai",
        help="Enrich and judge leads without ever paying twice for the same company.",
        commands={name: TyperCommand(name, help=text) for name, (_, text) in COMMANDS.items()},
        no_args_is_help=True,
    )
    _translate_help(group)
    return group


def _translate_help(command: TyperCommand | TyperGroup) -> None:
    """Put the help of *command*, of its options and of its commands into the user's language."""
    command.context_class = _Context
    paragraphs = (" ".join(each.split()) for each in str(command.help).split("\n\n"))
    command.help = "\n\n".join(map(translate, paragraphs))
    command.options_metavar = translate(command.options_metavar or "")
    for param in command.get_params(_Context(command, **command.context_settings)):
        for name in ("help", "metavar"):
            if text := getattr(param, name):
                setattr(param, name, translate(text))
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = translate(command.subcommand_metavar)
        for each in command.commands.values():
            _translate_help(cast("TyperCommand", each))


def main() -> None:
    """Run the command line; errors of known classes end it without a traceback."""
    accept_any_output()
    try:
        _check_arguments(sys.argv[1:])
        # Not Typer's own printing of errors: they quote what was typed, whatever it contains.
        code = command_line()(standalone_mode=False)
        if code == _INTERRUPTED:
            raise KeyboardInterrupt  # noqa: TRY301 - Typer has made a code of it
        flush()
    except typer.Abort:
        err.print(translate("Aborted."))
        code = Exit.FAILED
    except KeyboardInterrupt:
        err.print(translate("Stopped."))
        code = Exit.FAILED
    except Exception as error:
        if isinstance(error, _USAGE):
            code = _print_usage(error)
        else:
            code = _exit_code_of(error)
            if code is None:
                raise
            lines = _sentence_of(error).split("\n")
            print_error("\n".join(map(translate_message, lines)))
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
        own = error.message if message.endswith(error.message) else message
        where, why = message.removesuffix(own), own.removeprefix(_PYDANTIC)
        print_error(f"{translate_message(where)}{translate_message(why)}")
        if error.ctx is not None:
            err.print(error.ctx.get_usage())
            err.print(translate("See `{}`.", f"{error.ctx.command_path} --help"))
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

    if isinstance(error, LeadFileError):
        return error.sentence(language())
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}"
    return str(error)
