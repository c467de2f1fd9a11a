"""Checks workers, lanes, jobs, the broker and the clocks of an installation at work."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import Final, NamedTuple, cast

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator.app import load_pipeline
from orchestrator.database import DatabaseUnavailable, database_time, using_engine
from orchestrator.doctor import SEE_OTHERS, Diagnosis, fault, ok, public_address, warning
from orchestrator.infra.clock import ahead_of, utc_now
from orchestrator.infra.counters import REFUSED, Counters
from orchestrator.infra.redis_client import StoreUnavailable, open_redis, redis_time
from orchestrator.jobs import Backlog, JobList, JobRecords, JobState, Lane, LaneBacklog
from orchestrator.messaging import (
    STALL_PATIENCE,
    VISIBILITY_TIMEOUT_S,
    BrokerAway,
    Heartbeat,
    Queues,
    Workers,
    WorkerState,
    create_app,
    fingerprint,
)
from orchestrator.settings import ConfigurationError, Settings

#: How long the next job of a lane may wait for its turn before more workers are needed.
PATIENCE: Final = {
    Lane.INTERACTIVE: timedelta(seconds=10),
    Lane.PIPELINE: timedelta(minutes=5),
    Lane.REFRESH: timedelta(minutes=5),
}
#: Seconds that a connection to the broker may take.
CONNECT_S: Final = 3
#: How long a message may stay unanswered: any running worker restores it before.
LONGEST: Final = timedelta(seconds=VISIBILITY_TIMEOUT_S + 60)
#: A difference between clocks that makes certificates and signatures invalid sooner or later.
BAD: Final = timedelta(seconds=60)

_CHECK: Final = "workers"
_START: Final = "`celery -A orchestrator.celery_app worker --pool threads`"
#: Ids that a diagnosis lists.
_SHOWN: Final = 3
#: Kombu's index of the messages that were delivered and not acknowledged, by the instant (s).
_UNACKED: Final = "unacked_index"


class Build(NamedTuple):
    """What a process runs; workers whose builds differ may decide differently."""

    version: str
    profile: str
    policy: str


async def check_workers(settings: Settings) -> list[Diagnosis]:
    """Read heartbeats, lanes, jobs, refusals and queues."""
    async with open_redis(settings.redis_jobs_url) as client:
        backlog = Backlog(client)
        try:
            beats = await Workers(client).alive()
            waiting = [(each, await backlog.waited(each.lane)) for each in await backlog.lanes()]
            paused = await _paused_lanes(JobRecords(client, ttl=settings.job_ttl))
            counts = await Counters(client).read(1)
            job_list = JobList(client)
            unreadable = await job_list.unreadable()
            indexes = await job_list.set_aside()
        except (RedisError, StoreUnavailable, OSError):
            return [warning(_CHECK, "unknown: Redis is unavailable", SEE_OTHERS)]
    messages = await asyncio.to_thread(_messages, create_app(settings))
    return [
        *judge_workers(beats, _build_of(settings), stall=STALL_PATIENCE),
        *(
            judge_lane(backlog, waited, beats, messages.get(backlog.lane, 0))
            for backlog, waited in waiting
        ),
        judge_paused(paused),
        judge_refused(counts),
        judge_unreadable([each.job_id for each in unreadable], indexes),
    ]


async def _paused_lanes(records: JobRecords) -> list[str]:
    ids = await records.active()
    states = await records.states(ids)
    return [each for each, state in zip(ids, states, strict=True) if state is JobState.PAUSED]


def _messages(app: Celery) -> Mapping[str, int]:
    """Return how many messages wait in each queue; empty if `check_broker` reports a fault."""
    queues = Queues(app)
    try:
        return queues.depths(Lane)
    except BrokerAway:
        return {}
    finally:
        queues.close()
        app.close()


def _build_of(settings: Settings) -> Build | None:
    """Return what this process runs; None if its policy is invalid, a diagnosis of its own."""
    try:
        policy = load_pipeline(settings).version
    except ConfigurationError:
        return None
    return Build(version("emasai-orchestrator"), fingerprint(), policy)


def judge_workers(
    beats: Sequence[Heartbeat], build: Build | None, *, stall: timedelta
) -> list[Diagnosis]:
    """Judge the workers with a recent heartbeat. Pure.

    *build* is what this process runs, *stall* for how long a worker may leave messages waiting.
    """
    if not beats:
        return [warning(_CHECK, "none is running, so accepted jobs wait", f"Start one: {_START}.")]
    names = ", ".join(beat.name for beat in beats)
    diagnoses = [ok(_CHECK, f"{len(beats)} at work: {names}")]
    for beat in beats:
        diagnoses += _judge_worker(beat, build, stall)
    return diagnoses


def _judge_worker(beat: Heartbeat, build: Build | None, stall: timedelta) -> list[Diagnosis]:
    check, diagnoses = f"worker {beat.name}", []
    if beat.state is WorkerState.STALLED:
        fix = "Check that it is started again, and read `worker.stalled` in its log."
        diagnoses.append(fault(check, "is stalled, and ends itself", fix))
    elif beat.unheard_s > stall.total_seconds() / 2:
        what = f"has left messages waiting for {beat.unheard_s:.0f} s"
        fix = "Look at the network between it and the broker; it will end itself soon."
        diagnoses.append(warning(check, what, fix))
    elif beat.failing:
        loops = ", ".join(f"{name} ({error})" for name, error in sorted(beat.failing.items()))
        fix = "Read `loop.failed` in its log, which says where; the loop retries by itself."
        diagnoses.append(warning(check, f"has background loops that fail: {loops}", fix))
    if beat.overruled:
        what = f"was started with another {', '.join(beat.overruled)} than the profile's"
        diagnoses.append(warning(check, what, "Start it without that option."))
    if beat.clock_ahead_s:
        ahead = timedelta(seconds=beat.clock_ahead_s)
        diagnoses.append(replace(judge_clock("Redis", ahead, of="its machine"), check=check))
    its = (beat.version, beat.profile, beat.policy)
    names = ("version", "Celery profile", "policy")
    pairs = zip(names, its, its if build is None else build, strict=True)
    differing = [name for name, theirs, ours in pairs if theirs != ours]
    if differing:
        fix = "Finish the deployment: restart the older of the two, with the same settings."
        what = f"has another {' and another '.join(differing)} than this program"
        diagnoses.append(warning(check, what, fix))
    return diagnoses


def judge_lane(
    backlog: LaneBacklog, waited: timedelta | None, beats: Collection[Heartbeat], messages: int
) -> Diagnosis:
    """Judge what waits in a lane, as jobs and as *messages* of its queue. Pure.

    *waited* is how long the next job has waited for its turn; None if no job waits.
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


def judge_paused(job_ids: Sequence[str]) -> Diagnosis:
    """Judge the jobs that are paused. Pure."""
    if not job_ids:
        return ok("paused jobs", "none")
    what = f"{len(job_ids)}, which do not go on: {_some_of(job_ids)}"
    return warning("paused jobs", what, "`emasai jobs resume JOB_ID`, or `cancel`.")


def judge_refused(counts: Mapping[str, int]) -> Diagnosis:
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


def judge_unreadable(job_ids: Sequence[str], indexes: int) -> Diagnosis:
    """Judge the unreadable jobs, and the damaged indexes of jobs that were set aside. Pure."""
    if not job_ids and not indexes:
        return ok("job records", "can be read")
    found = [f"{len(job_ids)} cannot be read: {_some_of(job_ids)}"] if job_ids else []
    if indexes:
        found.append(f"{indexes} indexes were overwritten, and rebuilt")
    fix = (
        "Find what else writes to this database; `emasai jobs cancel JOB_ID` removes a job, and "
        "the overwritten indexes are under `jobs1:aside:*` for a week."
    )
    return fault("job records", "; ".join(found), fix)


def _some_of(job_ids: Sequence[str]) -> str:
    more = f" and {len(job_ids) - _SHOWN} more" if len(job_ids) > _SHOWN else ""
    return f"{', '.join(job_ids[:_SHOWN])}{more}"


async def check_broker(settings: Settings) -> list[Diagnosis]:
    """Connect to the broker, and look for messages that were delivered and never answered."""
    where = public_address(settings.broker_url)
    broker = await asyncio.to_thread(_connect, create_app(settings), where)
    if broker.fix is not None or not settings.has_redis_broker:
        return [broker]
    async with open_redis(settings.broker_url) as client:
        try:
            count = await client.zcard(_UNACKED)
            oldest = await client.zrange(_UNACKED, 0, 0, withscores=True)
        except (RedisError, OSError):
            return [broker]  # `check_redis` reports it
    first = cast("list[tuple[bytes, float]]", oldest)
    # By the clocks of this machine and of the worker's, as kombu does.
    age = timedelta(seconds=max(0.0, utc_now().timestamp() - first[0][1])) if first else None
    return [broker, judge_unanswered(count, age)]


def _connect(app: Celery, where: str) -> Diagnosis:
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_S)
    except (OperationalError, OSError, RedisError):
        fix = "Start the broker, or correct CELERY_BROKER_URL (unset, it is that of REDIS_URL)."
        return fault("broker", f"{where} cannot be reached", fix)
    finally:
        app.close()
    return ok("broker", f"{where} takes messages")


def judge_unanswered(count: int, oldest: timedelta | None) -> Diagnosis:
    """Judge the *count* messages that were delivered and not answered. Pure."""
    check = "unanswered messages"
    if oldest is None or oldest <= LONGEST:
        return ok(check, f"{count}; each is delivered again after {VISIBILITY_TIMEOUT_S} s")
    what = f"{count} messages, one for {oldest.total_seconds():.0f} s, and no worker restores them"
    return warning(check, what, "Start a worker: any worker restores them.")


async def check_clocks(settings: Settings) -> list[Diagnosis]:
    """Compare this machine's clock with those of Redis and of the database.

    A server that does not answer has a diagnosis of its own.
    """
    found = await asyncio.gather(_ahead_of_redis(settings), _ahead_of_database(settings))
    servers = zip(("Redis", "the database"), found, strict=True)
    return [judge_clock(name, ahead) for name, ahead in servers if ahead is not None]


async def _ahead_of_redis(settings: Settings) -> timedelta | None:
    async with open_redis(settings.redis_jobs_url) as client:
        return await _ahead_of(partial(redis_time, client))


async def _ahead_of_database(settings: Settings) -> timedelta | None:
    try:
        async with using_engine(settings.database_url.get_secret_value()) as engine:
            if engine.dialect.name == "sqlite":  # it has the clock of this machine
                return None
            return await _ahead_of(partial(database_time, engine))
    except ConfigurationError:
        return None


async def _ahead_of(server: Callable[[], Awaitable[datetime]]) -> timedelta | None:
    try:
        return await ahead_of(server)
    except (RedisError, DatabaseUnavailable, OSError):
        return None


def judge_clock(server: str, ahead: timedelta, of: str = "this machine") -> Diagnosis:
    """Judge by how much the clock *of* a machine is ahead of the *server*'s. Pure."""
    if not ahead:
        return ok("clock", f"{of} agrees with {server}")
    seconds = abs(ahead).total_seconds()
    way = "ahead of" if ahead > timedelta(0) else "behind"
    what = f"the clock of {of} is {seconds:,.0f} s {way} that of {server}"
    judge = fault if abs(ahead) >= BAD else warning
    return judge("clock", what, "Synchronize the clocks of all machines (NTP).")
