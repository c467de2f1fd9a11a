"""Messages that mean no good, on a real broker with a real worker: bytes, and arguments."""

import asyncio
import base64
import json
import signal
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.app import build
from orchestrator.jobs import JobFilter
from orchestrator.messaging.app import (
    QUEUE_REFRESH,
    QUEUES,
    TASK_ENRICH,
    TASK_RUN_PIPELINE,
    TASK_TICK,
    TASK_WORK,
)
from orchestrator.settings import load
from tests.support.crew import PATIENCE_S, CrewMember
from tests.support.notifier import FakeNotifier
from tests.support.site import Site, new_company, site_of
from tests.support.waiting import wait_until

#: Stands for personal data: it is in every message, and must be in no log.
SECRET = "ana.perez@example.com"
DEEP = "[" * 100_000 + "]" * 100_000


def envelope(queue: str, **changes: object) -> dict[str, Any]:
    """Return a sound message of the task that wakes a lane, with *changes*."""
    message: dict[str, Any] = {
        "body": base64.b64encode(json.dumps([[], {"lane": queue}, {}]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": TASK_WORK, "id": uuid4().hex, "secret": SECRET},
        "properties": {
            "delivery_tag": uuid4().hex,
            "delivery_info": {"exchange": queue, "routing_key": queue},
            "body_encoding": "base64",
        },
    }
    return {**message, **changes}


def _body(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def garbage(queue: str) -> Iterator[bytes | str]:
    """Yield what is no message, in many ways."""
    sound = envelope(queue)
    headers, properties = sound["headers"], sound["properties"]
    yield from (b"", b"\xff\xfe\x00" + SECRET.encode(), SECRET, f'"{SECRET}"', "{", DEEP)
    yield from (json.dumps(each) for each in (None, 5, [], [SECRET], {}, {"body": SECRET}))
    yield json.dumps({"__type__": "uuid", "__value__": 5, "body": SECRET})
    changes: list[dict[str, Any]] = [
        {"body": f"{SECRET} is not base64"},
        {"body": 5},
        {"body": None},
        {"body": ""},
        {"body": {"a": SECRET}},
        {"body": _body(SECRET)},
        {"body": _body(DEEP)},
        {"body": _body(b"\xff" + SECRET.encode())},
        {"body": _body(json.dumps(SECRET))},
        {"body": _body("null")},
        {"body": _body(json.dumps([SECRET]))},
        {"body": _body(json.dumps([SECRET, {}, {}]))},
        {"body": _body(json.dumps([[], [SECRET], {}]))},
        {"body": _body(json.dumps([[], {}, SECRET]))},
        {"body": _body(json.dumps([[], {"lane": queue}, {"callbacks": [SECRET], "chord": 5}]))},
        {"body": _body(json.dumps({"task": SECRET, "args": [SECRET], "id": "a"}))},
        {"body": _body(json.dumps({"task": [SECRET]})), "headers": {}},
        {"body": _body(json.dumps({"task": TASK_WORK, "id": "a", "kwargs": 5})), "headers": {}},
        {"content-type": "application/x-python-serialize"},
        {"content-type": 5},
        {"content-type": None},
        {"content-encoding": "zlib"},
        {"content-encoding": SECRET},
        {"content-encoding": 5},
        {"headers": None},
        {"headers": [SECRET]},
        {"headers": SECRET},
        {"headers": {**headers, "task": SECRET}},
        {"headers": {**headers, "task": [SECRET]}},
        {"headers": {**headers, "id": None}},
        {"headers": {**headers, "id": {"a": SECRET}}},
        {"headers": {**headers, "eta": SECRET}},
        {"headers": {**headers, "expires": {"a": SECRET}}},
        {"headers": {**headers, "timelimit": SECRET, "retries": SECRET, "group": [SECRET]}},
        {"headers": {**headers, "compression": "application/x-gzip"}},
        {"headers": {"task": TASK_ENRICH, "id": "a"}, "body": _body(json.dumps([[5], {}, {}]))},
        {"properties": None},
        {"properties": {}},
        {"properties": {**properties, "delivery_tag": {"a": SECRET}}},
        {"properties": {**properties, "delivery_info": SECRET}},
        {"properties": {**properties, "delivery_info": {}}},
        {"properties": {**properties, "delivery_info": {"exchange": 5, "routing_key": []}}},
        {"properties": {**properties, "body_encoding": SECRET}},
    ]
    yield from (json.dumps({**sound, **change}) for change in changes)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run an installation; its workers are started by the tests."""
    with site_of(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def broker(site: Site) -> Iterator[redis.Redis]:
    """Return a client of the broker's database."""
    url = site.stack.variables["REDIS_URL"].removesuffix("/1") + "/2"
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture(scope="module")
def worker(site: Site) -> CrewMember:
    """Start one worker for all lanes."""
    member = site.crew.start("brave")
    member.wait_until_ready(site.celery)
    return member


def _refused(site: Site) -> int:
    """Return how many messages were refused, as the fleet counts; each in time, not at once."""
    with redis.Redis.from_url(site.stack.variables["REDIS_URL"].removesuffix("/1") + "/3") as jobs:
        return sum(int(jobs.hget(key, "refused:message") or 0) for key in jobs.keys("counters1:*"))


def _is_done(site: Site, queue: str) -> None:
    company = new_company()
    site.enrich(company, queue=queue)
    site.until_charged(company)


@pytest.mark.parametrize("queue", QUEUES)
def test_a_worker_goes_on_after_any_bytes(
    queue: str, site: Site, broker: redis.Redis, worker: CrewMember
) -> None:
    """Each message is refused, told in one line without its content, and forgotten."""
    before = _refused(site)
    sent = list(garbage(queue))
    for message in sent:
        broker.lpush(queue, message)

    _is_done(site, queue)

    assert worker.is_alive
    wait_until(lambda: not broker.exists(queue), description="all is taken")
    wait_until(lambda: not broker.exists("unacked"), description="nothing is kept of them")
    # The others become tasks that refuse their arguments, or do what their sound part says.
    wait_until(
        lambda: _refused(site) - before > len(sent) - 8,
        description="all that was refused is counted",
    )
    assert worker.events("message.refused")
    log = worker.log.read_text("utf-8")
    assert SECRET not in log
    assert "Traceback" not in log


def test_a_worker_goes_on_after_any_bytes_on_its_mailbox(
    site: Site, broker: redis.Redis, worker: CrewMember
) -> None:
    """Remote control answers as before, also after messages of another shape."""
    for message in (b"\xff" + SECRET.encode(), DEEP, "{}", json.dumps([SECRET]), "5"):
        broker.publish("/2.celery.pidbox", message)
    for body in (SECRET, [SECRET], {"method": SECRET}, {"method": "ping", "arguments": SECRET}):
        control = envelope("celery.pidbox", body=_body(json.dumps(body)))
        broker.publish("/2.celery.pidbox", json.dumps(control))

    worker.wait_until_ready(site.celery)

    _is_done(site, "pipeline")
    assert SECRET not in worker.log.read_text("utf-8")


def test_garbage_among_what_was_not_acknowledged_keeps_nothing_back(
    site: Site, broker: redis.Redis
) -> None:
    """It is dropped when its time has come, and a message beside it comes back."""
    worker = site.crew.start("short", app="tests.support.short_visibility")
    worker.wait_until_ready(site.celery)
    company = new_company()
    asked = [[], {"companies": [company]}, {}]
    headers = {"lang": "py", "task": TASK_ENRICH, "id": uuid4().hex}
    sound = envelope("pipeline", body=_body(json.dumps(asked)), headers=headers)
    for tag, kept in (
        ("a", SECRET),
        ("b", json.dumps([SECRET])),
        ("c", json.dumps([{"headers": SECRET}, "pipeline", "pipeline"])),
        ("d", json.dumps([sound, "pipeline", "pipeline"])),
    ):
        broker.hset("unacked", tag, kept)
        broker.zadd("unacked_index", {tag: time.time() - 3600})

    site.until_charged(company)

    wait_until(
        lambda: not broker.zcard("unacked_index"),
        description="nothing is kept of them",
        timeout_s=PATIENCE_S,
    )
    assert worker.is_alive
    assert SECRET not in worker.log.read_text("utf-8")
    worker.send(signal.SIGTERM)  # the other tests have a worker of their own
    assert worker.exit_code() == 0


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "a:b", "a" * 100_000, "\x00", "\x1b[31m", "1e400", "-1", "0001-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
_COMPANIES = st.lists(
    _ANY | st.fixed_dictionaries({"company": _ANY}, optional={"website": _ANY, "country": _ANY}),
    max_size=3,
)
_ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "companies": _COMPANIES | _ANY,
        "lead_ids": st.lists(st.uuids().map(str) | _ANY, max_size=3) | _ANY,
        "tenant": _ANY,
        "idempotency_key": _ANY,
        "max_cost_micros": _ANY,
        "deadline": st.datetimes().map(str) | _ANY,
        "lane": _ANY,
        SECRET: _ANY,
    },
)
_TASKS = st.sampled_from([TASK_ENRICH, TASK_RUN_PIPELINE, TASK_TICK, TASK_WORK])


def test_any_arguments_are_accepted_or_refused_in_one_sentence(
    site: Site, broker: redis.Redis, worker: CrewMember
) -> None:
    """Never with a traceback, and no job of theirs keeps the other jobs from being read."""
    sent: list[str] = []

    @settings(max_examples=150, derandomize=True, database=None, deadline=None)
    @given(task=_TASKS, args=st.lists(_ANY, max_size=2), kwargs=_ARGUMENTS)
    def send(task: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        task_id = uuid4().hex
        body = json.dumps([args, kwargs, {}])
        headers = {"lang": "py", "task": task, "id": task_id}
        message = envelope(QUEUE_REFRESH, body=_body(body), headers=headers)
        broker.lpush(QUEUE_REFRESH, json.dumps(message))
        sent.append(task_id)

    send()
    _is_done(site, QUEUE_REFRESH)

    wait_until(lambda: not broker.exists("unacked", QUEUE_REFRESH), description="each is answered")
    log = worker.log.read_text("utf-8")
    assert worker.is_alive
    assert len(sent) > 100
    assert all(f"[{task_id}]" in log for task_id in sent)
    assert worker.events("task.refused")
    assert "Traceback" not in log
    assert SECRET not in log
    assert asyncio.run(_jobs(site))


async def _jobs(site: Site) -> list[str]:
    """Read every job there is, as all lists do."""
    async with build(load(**site.stack.variables), notifier=FakeNotifier()) as parts:
        return [job.job_id async for job in parts.jobs.job_list.newest(JobFilter())]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"companies": ["Acme"], "tenant": ""}, "tenant must match"),
        ({"companies": ["Acme"], "tenant": "a:b"}, "tenant must match"),
        ({"companies": ["Acme"], "tenant": "a" * 100_000}, "tenant must match"),
        ({"companies": ["Acme"], "tenant": 5}, "tenant must be text"),
        ({"companies": ["Acme"], "tenant": None}, "tenant must be text"),
        (
            {"companies": ["Acme"], "max_cost_micros": "5"},
            "max_cost_micros must be a valid integer",
        ),
        ({"companies": ["Acme"], "max_cost_micros": -1}, "max_cost_micros must be greater than"),
        ({"companies": ["Acme"], "deadline": 60}, "deadline must be an instant with its zone"),
        (
            {"companies": ["Acme"], "deadline": "0001-01-01T00:00:00+14:00"},
            "deadline must be an in",
        ),
        ({"companies": ["Acme"], "idempotency_key": ""}, "idempotency_key must have at least 1"),
        ({"companies": "Acme"}, "companies must be a valid list"),
        ({"companies": []}, "companies must have at least 1 item"),
        ({"companies": ["Acme", None]}, "companies[1] must be a text or an object"),
        ({"companies": ["Acme", "\x00"]}, "companies[1] contains control characters"),
        ({"companies": ["Acme", {"company": "B", "country": []}]}, 'companies[1] must have a "web'),
        ({"tenant": "a"}, "companies is missing; add it"),
        ({"companies": ["Acme"], SECRET: 1}, "has an unknown argument; it takes companies, tenant"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_refused_task_says_which_argument_is_wrong(
    arguments: dict[str, Any], reason: str, site: Site, worker: CrewMember
) -> None:
    """In the log, under the task's id, without what it was given."""
    sent = site.celery.send_task(TASK_ENRICH, kwargs=arguments, queue=QUEUE_REFRESH)

    def refused() -> list[str]:
        events = worker.events("task.refused")
        return [event["reason"] for event in events if event["task_id"] == sent.id]

    wait_until(lambda: bool(refused()), description="it is refused")

    assert refused()[0].startswith(reason)
