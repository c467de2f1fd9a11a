"""Jobs over HTTP: pause, resume and cancel them."""

from http import HTTPStatus

from fastapi import APIRouter

from orchestrator.app import Runtime
from orchestrator.dispatch import command
from orchestrator.jobs import Command, JobGone, UnreadableJob

from .answers import JOBS_PATH, JobStatus
from .dependencies import CallerOfRequest, RuntimeOfApp
from .errors import documented
from .finding import found_job
from .security import Caller

router = APIRouter(prefix=JOBS_PATH, tags=["jobs"])

_ERRORS = documented(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.GONE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.post(
    "/{job_id}/pause",
    summary="Pause a job",
    response_model_exclude_unset=True,
    responses=_ERRORS,
)
async def pause_job(job_id: str, runtime: RuntimeOfApp, caller: CallerOfRequest) -> JobStatus:
    """Begin no further item; what is under way ends and counts. A finished job stays finished."""
    return await _commanded(runtime, caller, job_id, Command.PAUSE)


@router.post(
    "/{job_id}/resume",
    summary="Resume a paused job",
    response_model_exclude_unset=True,
    responses=_ERRORS,
)
async def resume_job(job_id: str, runtime: RuntimeOfApp, caller: CallerOfRequest) -> JobStatus:
    """Go on where the job was paused."""
    return await _commanded(runtime, caller, job_id, Command.RESUME)


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    response_model_exclude_unset=True,
    responses=_ERRORS,
)
async def cancel_job(job_id: str, runtime: RuntimeOfApp, caller: CallerOfRequest) -> JobStatus:
    """End a job for good. What has no result gets none, and purchases for it alone are stopped.

    It is `cancelling` until the workers have let go of it, which takes seconds. Companies that a
    schedule has asked for stay watched, and are looked at again after their period.
    """
    return await _commanded(runtime, caller, job_id, Command.CANCEL)


async def _commanded(runtime: Runtime, caller: Caller, job_id: str, wanted: Command) -> JobStatus:
    try:
        await found_job(runtime, caller, job_id)
    except UnreadableJob:
        if wanted is not Command.CANCEL:
            raise
    job = await command(runtime, job_id, wanted)
    if job is None:
        raise JobGone(job_id)
    return JobStatus.of(job, runtime.clock())
