"""Checks the schema of the database, and the hand-overs in the outbox."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import (
    DatabaseForbids,
    DatabaseUnavailable,
    SchemaState,
    SchemaTooNew,
    current_state,
    open_engine,
)
from orchestrator.doctor.diagnosis import Diagnosis, fault, ok, warning
from orchestrator.infra.clock import utc_now
from orchestrator.leads import HandOverState, Outbox
from orchestrator.settings import ConfigurationError, Settings

_CHECK: Final = "database"
_HANDOVER: Final = "handover"


async def check_database(settings: Settings) -> list[Diagnosis]:
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


def judge_schema(state: SchemaState) -> Diagnosis:
    """Judge the revision of a database. Pure."""
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


@contextlib.asynccontextmanager
async def usable_engine(settings: Settings) -> AsyncIterator[AsyncEngine | None]:
    """Open the database; yield None where `check_database` reports that it cannot be used.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    url = settings.database_url.get_secret_value()
    try:
        engine = open_engine(url) if (await current_state(url)).is_current else None
    except ConfigurationError:
        engine = None
    try:
        yield engine
    finally:
        if engine is not None:
            await engine.dispose()


async def check_outbox(settings: Settings) -> list[Diagnosis]:
    """Count the hand-overs in each state; an unusable database has a diagnosis of its own."""
    try:
        async with usable_engine(settings) as engine:
            if engine is None:
                return []
            counts = await Outbox(engine, utc_now).counts()
    except DatabaseUnavailable:
        return []
    return [judge_outbox(counts, has_webhook=settings.webhook_url is not None)]


def judge_outbox(counts: Mapping[HandOverState, int], *, has_webhook: bool) -> Diagnosis:
    """Judge the number of hand-overs in each state. Pure."""
    dead, pending = counts.get(HandOverState.DEAD, 0), counts.get(HandOverState.PENDING, 0)
    if dead:
        fix = (
            "`emasai handover list --state dead` says why; fix the receiver, then run "
            "`emasai handover retry`."
        )
        return warning(_HANDOVER, f"{dead} given up, {pending} pending", fix)
    if pending and not has_webhook:
        fix = "Set EMASAI_WEBHOOK_URL and EMASAI_WEBHOOK_SECRET for the workers."
        return warning(_HANDOVER, f"{pending} pending, and no webhook is configured", fix)
    return ok(_HANDOVER, f"{pending} pending, none given up")
