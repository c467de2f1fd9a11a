"""Asks the database which schema it has."""

from typing import Final

from orchestrator.database import (
    DatabaseForbids,
    DatabaseUnavailable,
    SchemaState,
    SchemaTooNew,
    current_state,
)
from orchestrator.doctor.finding import Finding, fault, ok
from orchestrator.settings import ConfigurationError, Settings

_CHECK: Final = "database"


async def check_database(settings: Settings) -> list[Finding]:
    """Read the schema's revision, and change nothing."""
    try:
        state = await current_state(settings.database_url.get_secret_value())
    except DatabaseForbids as error:
        fix = "Run `emasai db upgrade` with DATABASE_OWNER_URL, which grants the role its rights."
        return [fault(_CHECK, f"does not let its role {error.operation}", fix)]
    except DatabaseUnavailable:
        fix = "Start the server, or correct DATABASE_URL."
        return [fault(_CHECK, "does not answer", fix)]
    except ConfigurationError as error:
        fix = "Correct DATABASE_URL."
        return [fault(_CHECK, problem, fix) for problem in error.problems]
    return [judge_schema(state)]


def judge_schema(state: SchemaState) -> Finding:
    """Judge the revision that a database has. Pure."""
    match state.mismatch:
        case None:
            return ok(_CHECK, f"answers, its schema is current ({state.head})")
        case SchemaTooNew():
            what = f"has revision {state.current}, newer than this program's {state.head}"
            fix = "Install the version that migrated it, or restore the backup made before it."
            return fault(_CHECK, what, fix)
        case _:
            has = "no tables yet" if state.current is None else f"revision {state.current}"
            what = f"has {has}, this program needs revision {state.head}"
            return fault(_CHECK, what, "Run `emasai db upgrade` once.")
