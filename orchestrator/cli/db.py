"""`emasai db`: shows and migrates the schema of the database. No other command does."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from orchestrator.cli.console import (
    Exit,
    figures,
    number,
    out,
    print_error,
    print_json,
    print_sentence,
)
from orchestrator.cli.installation import configured
from orchestrator.cli.options import AsJson
from orchestrator.cli.spanish import translate, translate_message
from orchestrator.database import (
    DataWouldBeLost,
    DowngradeRefused,
    SchemaState,
    current_state,
    downgrade,
    grant_to_application,
    preview_downgrade,
    upgrade,
)
from orchestrator.settings import DatabaseSettings, is_configured, load_database

db = typer.Typer(
    name="db", help="Show or migrate the schema of the database.", no_args_is_help=True
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


@db.command("downgrade")
def downgrade_(
    revision: Annotated[
        str,
        typer.Argument(metavar="REVISION", help="What the earlier version needs, or `base`."),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be undone and lost.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Even if data is lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take the schema back to that of an earlier version; refused if data is lost, without --yes.

    Stop all workers and the API first, install the earlier version afterwards. With
    DATABASE_OWNER_URL it uses that role.
    """
    with _settings() as settings:
        url = (settings.database_owner_url or settings.database_url).get_secret_value()
        try:
            if dry_run:
                way = asyncio.run(preview_downgrade(url, revision))
            else:
                way = asyncio.run(downgrade(url, revision, may_lose=yes))
        except DataWouldBeLost as refused:
            raise typer.BadParameter(f"{refused}; back it up, then give --yes") from None
        except DowngradeRefused as refused:
            raise typer.BadParameter(str(refused)) from None
    if as_json:
        print_json({"undone": way.undone, "lost": way.lost, "dry_run": dry_run})
        return
    if way.lost:
        remark = translate("would be lost" if dry_run else "lost")
        out.print(figures((what, number(count), remark) for what, count in way.lost.items()))
    verb = "would be undone" if dry_run else "undone"
    if way.undone:
        print_sentence("Revisions {}: {}.", translate(verb), ", ".join(way.undone))
    else:
        print_sentence("The database is there already.")


@db.command()
def check(*, as_json: AsJson = False) -> None:
    """Show the revision of the schema; exit with 1 unless this version needs that one."""
    with _settings() as settings:
        state = asyncio.run(current_state(settings.database_url.get_secret_value()))
    _show(state, as_json=as_json)
    if state.mismatch is not None:
        print_error(translate_message(str(state.mismatch)))
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
        print_sentence("The database is at revision {}, as this version needs it.", state.head)
