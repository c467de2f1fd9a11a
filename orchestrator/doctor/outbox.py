"""Says how many opportunities the sales agent was not told of."""

from collections.abc import Mapping
from typing import Final

from orchestrator.database import DatabaseUnavailable, current_state, open_engine
from orchestrator.doctor.finding import Finding, ok, warning
from orchestrator.infra.clock import utc_now
from orchestrator.leads import HandOverState, Outbox
from orchestrator.settings import ConfigurationError, Settings

_CHECK: Final = "handover"


async def check_outbox(settings: Settings) -> list[Finding]:
    """Count the hand-overs in each state."""
    url = settings.database_url.get_secret_value()
    try:
        if not (await current_state(url)).is_current:
            return []  # a finding of its own
        engine = open_engine(url)
    except (ConfigurationError, DatabaseUnavailable):
        return []  # likewise
    try:
        counts = await Outbox(engine, utc_now).counts()
    except DatabaseUnavailable:
        return []  # likewise
    finally:
        await engine.dispose()
    return [judge_outbox(counts, is_told=settings.webhook_url is not None)]


def judge_outbox(counts: Mapping[HandOverState, int], *, is_told: bool) -> Finding:
    """Judge what is in the outbox. Pure.

    Args:
        counts: How many hand-overs are in each state.
        is_told: There is somebody to tell.
    """
    dead, pending = counts.get(HandOverState.DEAD, 0), counts.get(HandOverState.PENDING, 0)
    if dead:
        fix = (
            "`emasai handover list --state dead` says why; mend the receiver, then "
            "`emasai handover retry`."
        )
        return warning(_CHECK, f"{dead} given up, {pending} still owed", fix)
    if pending and not is_told:
        fix = "Set EMASAI_WEBHOOK_URL and EMASAI_WEBHOOK_SECRET for the workers."
        return warning(_CHECK, f"{pending} owed, and nobody is told", fix)
    return ok(_CHECK, f"{pending} owed, none given up")
