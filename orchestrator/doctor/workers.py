"""Judges the system at work: its workers, and what waits for them in each lane."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from typing import Final, NamedTuple

from celery import Celery
from redis.exceptions import RedisError

from agents.cdao import CdaoAgent
from orchestrator.app import load_policy
from orchestrator.doctor.clocks import judge_clock
from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.infra.connections import open_redis
from orchestrator.infra.counters import REFUSED, Counters
from orchestrator.jobs import Backlog, JobList, JobRecords, JobState, Lane, LaneBacklog, Lines
from orchestrator.memo import StoreUnavailable
from orchestrator.messaging import (
    BrokerAway,
    Heartbeat,
    Queues,
    Workers,
    WorkerState,
    create_app,
    fingerprint,
)
from orchestrator.settings import ConfigurationError, Settings

#: How long the next in line may wait for a turn before more workers are wanted.
PATIENCE: Final = {
    Lane.INTERACTIVE: timedelta(seconds=10),
    Lane.PIPELINE: timedelta(minutes=5),
    Lane.REFRESH: timedelta(minutes=5),
}
_CHECK: Final = "workers"
_START: Final = "`celery -A orchestrator.celery_app worker --pool threads`"
#: Ids that are told.
_SHOWN: Final = 3


class Build(NamedTuple):
    """What a process runs; workers whose builds differ may decide differently."""

    version: str
    profile: str
    policy: str


async def check_workers(settings: Settings) -> list[Finding]:
    """Read heartbeats, backlog, lines and queues."""
    async with open_redis(settings.redis_jobs_url) as client:
        lines = Lines(client)
        try:
            beats = await Workers(client).alive()
            waiting = [
                (each, await lines.waited(each.lane)) for each in await Backlog(client).lanes()
            ]
            paused = await _paused(JobRecords(client, ttl=settings.job_ttl))
            counts = await Counters(client).read(1)
            job_list = JobList(client)
            unreadable = await job_list.unreadable()
            indexes = await job_list.set_aside()
        except (RedisError, StoreUnavailable, OSError):
            fix = "Mend what the findings about Redis name."
            return [warning(_CHECK, "unknown, since Redis could not be asked", fix)]
    messages = await asyncio.to_thread(_messages, create_app(settings))
    return [
        *judge_workers(beats, _build_of(settings), stall=settings.stall),
        *(
            judge_lane(backlog, waited, beats, messages.get(backlog.lane, 0))
            for backlog, waited in waiting
        ),
        judge_paused(paused),
        judge_refused(counts),
        judge_unreadable([each.job_id for each in unreadable], indexes),
    ]


async def _paused(records: JobRecords) -> list[str]:
    ids = await records.active()
    states = await records.states(ids)
    return [each for each, state in zip(ids, states, strict=True) if state is JobState.PAUSED]


def _messages(app: Celery) -> Mapping[str, int]:
    """Return how many messages wait in each queue; nothing where the broker is away."""
    queues = Queues(app)
    try:
        return queues.depths(Lane)
    except BrokerAway:
        return {}  # a finding of its own
    finally:
        queues.close()
        app.close()


def _build_of(settings: Settings) -> Build | None:
    """Return what this process runs; None if its policy is unfit, which is a finding of its own."""
    try:
        policy = CdaoAgent(load_policy(settings)).version
    except ConfigurationError:
        return None
    return Build(version("emasai-orchestrator"), fingerprint(), policy)


def judge_workers(
    beats: Sequence[Heartbeat], build: Build | None, *, stall: timedelta
) -> list[Finding]:
    """Judge the workers that have given a sign of life lately. Pure.

    Args:
        beats: What each says of itself.
        build: What whoever asks runs, if it can run.
        stall: For how long a worker may leave messages waiting.
    """
    if not beats:
        return [warning(_CHECK, "none works, so accepted jobs wait", f"Start one: {_START}.")]
    names = ", ".join(beat.name for beat in beats)
    findings = [ok(_CHECK, f"{len(beats)} at work: {names}")]
    for beat in beats:
        findings += _judge_health(beat, stall)
        findings += _judge_profile(beat)
        findings += _judge_clock(beat)
        if build is not None:
            findings += _judge_build(beat, build)
    return findings


def _judge_health(beat: Heartbeat, stall: timedelta) -> list[Finding]:
    check = f"worker {beat.name}"
    if beat.state is WorkerState.STALLED:
        fix = "See that it is started again, and read `worker.stalled` in its log."
        return [fault(check, "is stalled, and ends itself", fix)]
    if beat.unheard_s > stall.total_seconds() / 2:
        fix = "Look at the network between it and the broker; soon it ends itself."
        return [warning(check, f"has left messages waiting for {beat.unheard_s:.0f} s", fix)]
    if beat.failing:
        loops = ", ".join(f"{name} ({error})" for name, error in sorted(beat.failing.items()))
        fix = "Read `loop.failed` in its log, which says where; the loop tries again by itself."
        return [warning(check, f"has background loops that fail: {loops}", fix)]
    return []


def _judge_clock(beat: Heartbeat) -> list[Finding]:
    if not beat.clock_ahead_s:
        return []
    ahead = timedelta(seconds=beat.clock_ahead_s)
    found = judge_clock("Redis", ahead, who="its machine")
    return [replace(found, check=f"worker {beat.name}")]


def _judge_profile(beat: Heartbeat) -> list[Finding]:
    if not beat.overruled:
        return []
    what = f"was started with another {', '.join(beat.overruled)} than the profile's"
    return [warning(f"worker {beat.name}", what, "Start it without that option.")]


def _judge_build(beat: Heartbeat, build: Build) -> list[Finding]:
    its = (beat.version, beat.profile, beat.policy)
    names = ("version", "Celery profile", "policy")
    differing = [name for name, a, b in zip(names, its, build, strict=True) if a != b]
    if not differing:
        return []
    fix = "Finish the deploy: restart whichever of the two is older, with the same settings."
    what = f"has another {' and another '.join(differing)} than this program"
    return [warning(f"worker {beat.name}", what, fix)]


def judge_lane(
    backlog: LaneBacklog, waited: timedelta | None, beats: Collection[Heartbeat], messages: int
) -> Finding:
    """Judge what waits in a lane, and for whom. Pure.

    Args:
        backlog: The lane's.
        waited: For how long whoever is next has waited for a turn, if anybody is in line.
        beats: The workers there are.
        messages: Messages that wait in its queue.
    """
    lane = backlog.lane
    check = f"lane {lane}"
    serving = sum(lane in beat.lanes for beat in beats)
    waits = f"{backlog.jobs} jobs in line, {backlog.held} chunks in hand, {messages} messages"
    if beats and not serving:
        fix = f"Start one for it: {_START} -Q {lane}, or without -Q for all lanes."
        return fault(check, f"no worker listens ({waits})", fix)
    if serving and waited is not None and waited > PATIENCE[lane]:
        fix = "Start more workers, or see in their logs what they wait for."
        what = f"the next has waited {waited.total_seconds():.0f} s for a turn ({waits})"
        return warning(check, what, fix)
    return ok(check, f"{serving} workers; {waits}")


def judge_paused(job_ids: Sequence[str]) -> Finding:
    """Judge the jobs that are paused. Pure."""
    if not job_ids:
        return ok("paused jobs", "none")
    more = f" and {len(job_ids) - _SHOWN} more" if len(job_ids) > _SHOWN else ""
    what = f"{len(job_ids)}, which nobody works on: {', '.join(job_ids[:_SHOWN])}{more}"
    return warning("paused jobs", what, "`emasai jobs resume JOB_ID`, or `cancel`.")


def judge_refused(counts: Mapping[str, int]) -> Finding:
    """Judge what workers have refused today. Pure."""
    found = {
        name.removeprefix(REFUSED): count
        for name, count in sorted(counts.items())
        if name.startswith(REFUSED) and count
    }
    if not found:
        return ok("refused", "no message or task today (UTC)")
    what = ", ".join(f"{count} of {name}" for name, count in found.items())
    fix = "`message.refused` and `task.refused` in the workers' logs say why; correct the sender."
    return warning("refused", f"today (UTC) workers have refused: {what}", fix)


def judge_unreadable(job_ids: Sequence[str], indexes: int) -> Finding:
    """Judge the jobs that cannot be read, and the indexes of jobs that were set aside. Pure."""
    if not job_ids and not indexes:
        return ok("job records", "can be read")
    found = []
    if job_ids:
        more = f" and {len(job_ids) - _SHOWN} more" if len(job_ids) > _SHOWN else ""
        found.append(f"{len(job_ids)} cannot be read: {', '.join(job_ids[:_SHOWN])}{more}")
    if indexes:
        found.append(f"{indexes} indexes were written over, and built anew")
    fix = (
        "Find what else writes to this database; `emasai jobs cancel JOB_ID` removes a job, and "
        "what was written over is under `jobs1:aside:*` for a week."
    )
    return fault("job records", "; ".join(found), fix)
