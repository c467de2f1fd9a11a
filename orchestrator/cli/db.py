"""`emasai db`: shows and upgrades the schema of the database. No other command does."""

import asyncio
import contextlib
from collections.abc import Iterator

import typer

from orchestrator.cli.console import Exit, err, out, print_json
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import configured
from orchestrator.database import (
    SchemaState,
    current_state,
    grant_to_application,
    upgrade,
)
from orchestrator.settings import DatabaseSettings, is_configured, load_database

db = typer.Typer(
    name="db", help="Show or upgrade the schema of the database.", no_args_is_help=True
)


@db.command("upgrade")
def upgrade_(*, as_json: AsJson = False) -> None:
    """Migrate the database to the schema of this version; repeating it changes nothing.

    With DATABASE_OWNER_URL it uses that role, creates the role of DATABASE_URL if it is missing,
    and grants it what workers and API need. Concurrent upgrades are safe.
    """
    with _settings() as settings:
        application = settings.database_url.get_secret_value()
        owner = settings.database_owner_url
        if owner is None:
            state = asyncio.run(upgrade(application))
        else:
            state = asyncio.run(_upgrade_as(owner.get_secret_value(), application))
    _show(state, as_json=as_json)


@db.command()
def check(*, as_json: AsJson = False) -> None:
    """Show the revision of the schema; exit with 1 unless this version needs that one."""
    with _settings() as settings:
        state = asyncio.run(current_state(settings.database_url.get_secret_value()))
    _show(state, as_json=as_json)
    if state.mismatch is not None:
        err.print(f"emasai: {state.mismatch}", style="red")
        raise typer.Exit(Exit.FAILED)


async def _upgrade_as(owner: str, application: str) -> SchemaState:
    state = await upgrade(owner)
    await grant_to_application(owner, application)
    return state


@contextlib.contextmanager
def _settings() -> Iterator[DatabaseSettings]:
    """Yield the address of the database, the only setting that these commands need."""
    if is_configured():
        yield load_database()
        return
    with configured() as settings:
        yield DatabaseSettings(DATABASE_URL=settings.database_url)


def _show(state: SchemaState, *, as_json: bool) -> None:
    if as_json:
        print_json({"revision": state.current, "needed": state.head, "current": state.is_current})
    elif state.is_current:
        out.print(f"The database is at revision {state.head}, as this version needs it.")
