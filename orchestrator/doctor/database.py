"""Asks the database which schema it has."""

from typing import Final

from orchestrator.database import DatabaseUnavailable, SchemaState, current_state
from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.settings import ConfigurationError, Settings

_CHECK: Final = "database"


async def check_database(settings: Settings) -> list[Finding]:
    """Read the schema's revision, and change nothing."""
    try:
        state = await current_state(settings.database_url.get_secret_value())
    except DatabaseUnavailable:
        fix = "Start the server, or correct DATABASE_URL."
        return [fault(_CHECK, "does not answer", fix)]
    except ConfigurationError as error:
        fix = "Correct DATABASE_URL."
        return [fault(_CHECK, problem, fix) for problem in error.problems]
    return [judge_schema(state)]


def judge_schema(state: SchemaState) -> Finding:
    """Judge the revision that a database has. Pure."""
    if state.is_current:
        return ok(_CHECK, f"answers, its schema is current ({state.head})")
    if state.current is None:
        fix = "Start a worker or any `emasai` command: the first one makes the tables."
        return warning(_CHECK, "answers, but has no tables yet", fix)
    fix = "Start a worker of the newest version, which migrates it; update this one if it is older."
    return fault(_CHECK, f"has revision {state.current}, this program needs {state.head}", fix)
