"""JSON bodies read by pieces: the same values as a parser in one go, in bounded steps."""

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from orchestrator.http import bodies
from orchestrator.http.bodies import BodyReader, FaultyItems
from orchestrator.http.errors import LISTED_FAULTS, Refused
from orchestrator.http.requests import LISTS
from orchestrator.infra import background

from .conftest import Api

ANY: dict[str, TypeAdapter[Any]] = {"companies": TypeAdapter(Any)}
LEAD = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}


def read(body: str | bytes, lists: dict[str, TypeAdapter[Any]] = ANY) -> object:
    """Return what *body* says."""
    content = body.encode() if isinstance(body, str) else body
    reading = BodyReader(content, lists).read()
    try:
        while True:
            reading.send(None)  # others have had their turn
    except StopIteration as done:
        return done.value


def refusal(body: str | bytes) -> tuple[int, str]:
    """Return the status and the sentence with which *body* is refused."""
    with pytest.raises(Refused) as raised:
        read(body, LISTS)
    return raised.value.refusal.status.value, raised.value.refusal.message


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.dictionaries(st.text(max_size=9), values, max_size=5),
    st.lists(values, max_size=60),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n ", "\t:  ")]),
    st.sampled_from(["utf-8", "ascii"]),
    st.integers(4, 40),
)
def test_what_is_read_is_what_was_written(
    fields: dict[str, Any],
    companies: list[Any],
    separators: tuple[str, str],
    form: str,
    beyond: int,
) -> None:
    """However it is spelled, and wherever the windows end through which it is looked at."""
    body = {**fields, "companies": companies}

    def spelled(value: object) -> str:
        return json.dumps(value, separators=separators, ensure_ascii=form == "ascii")

    longest = max(len(spelled(each)) for each in [*body, *fields.values(), *companies])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "_SMALL", longest + beyond)

        assert read(spelled(body)) == body


@pytest.mark.parametrize(
    "body",
    [
        *("{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a":1}}', '{"a" 1}', "{a:1}"),
        *('{"companies":[', '{"companies":[1', '{"companies":[1,', '{"companies":[1,]}'),
        *('{"companies":[1 2]}', '{"companies":[,1]}', '{"companies":[1}}', '{"a":nul}'),
        *(
            '{"a":NaN}',
            '{"a":[Infinity]}',
            '{"a":"\n"}',
            '{"a":"\\x"}',
            '{"a":' + "9" * 5_000 + "}",
        ),
        *("", " ", "nul", "{" + " " * 1_000_001 + "}", '{"a":' + "[" * 5_000),
    ],
)
def test_what_is_not_json_is_told_as_such(body: str) -> None:
    """With what is wrong, and at which character."""
    status, message = refusal(body)

    assert status == 400
    assert message.startswith("The body is not JSON (")


def test_a_place_is_told_also_behind_the_first_window() -> None:
    """The character counts from the beginning of the body."""
    start = '{"companies": [' + '"Acme", ' * 10_000

    _, message = refusal(start + "oops]}")

    assert f"at character {len(start):,}" in message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"a":1,"a":2}', "a"),
        ('{"filter":{' + ",".join(f'"k{n}":1' for n in range(200)) + "}}", "filter"),
        ('{"codes":[[' + "1," * 200 + "1]]}", "codes"),
        ("{" + ",".join(f'"k{n}":1' for n in range(200)) + "}", ""),
        ('{"companies":["a",[' + "[]," * 100_000 + "[]]]}", "companies[1]"),
        ('{"filter":{"source":"' + "x" * 800_000 + '"}}', "filter"),
        ('{"filter":"' + "x" * 20_000 + '"', None),
    ],
)
def test_what_could_never_be_meant_is_refused_by_its_place(body: str, field: str | None) -> None:
    """Too many fields, a value that is too long, a field that is given twice."""
    with pytest.raises(Refused) as raised:
        read(body, LISTS)

    if field is not None:
        (fault,) = raised.value.refusal.fields
        assert fault.field == field


def test_a_large_lead_is_no_large_value() -> None:
    """Notes of any length that a lead may have are read, with every character escaped."""
    lead = {**LEAD, "notes": "é" * 100_000}

    found = read(json.dumps({"leads": [LEAD, lead, LEAD]}), LISTS)

    assert isinstance(found, dict)
    assert [len(each[-1]) for each in found["leads"]] == [0, 100_000, 0]


async def _turns_while(work: Any) -> int:  # noqa: ANN401 - any awaitable
    """Return how many turns others had while *work* went on."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    try:
        await work
    finally:
        task.cancel()
    return turns


@pytest.fixture
def _every_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have work give others a turn whenever it could, so that turns count its steps."""
    monkeypatch.setattr(background, "TURN_S", 0.0)


@pytest.mark.usefixtures("_every_turn")
async def test_others_go_on_while_a_body_is_read() -> None:
    """Each item of a long list is a step; no more is done without a turn."""
    body = json.dumps({"companies": ["Acme"] * 5_000}).encode()

    turns = await _turns_while(BodyReader(body, LISTS).read())

    assert turns >= 5_000


@pytest.mark.parametrize(
    "item",
    ["1", "[]", "{}", '""', '{"company":1}', json.dumps({**LEAD, "email": 1}), '{"a":1,"b":2}'],
)
@pytest.mark.parametrize("name", ["companies", "leads", "lead_ids"])
def test_reading_ends_with_the_faults_that_are_shown(name: str, item: str) -> None:
    """No fault is looked for, or kept, beyond those; memory does not grow with what is wrong."""
    few = f'{{"{name}":[{",".join([item] * (LISTED_FAULTS + 1))}]}}'.encode()
    many = f'{{"{name}":[{",".join([item] * 50_000)}]}}'.encode()
    adapter = _Counting(LISTS[name])

    def refused(body: bytes) -> int:
        tracemalloc.start()
        with pytest.raises(Refused) as raised:
            read(body, {name: adapter})  # type: ignore[dict-item]  # counts what is validated
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(raised.value.refusal.fields) <= LISTED_FAULTS + 40
        return peak

    small, large = refused(few), refused(many)

    assert adapter.count <= 2 * (LISTED_FAULTS + 1)
    assert large <= small + 3 * len(many)


class _Counting:
    """Counts what an adapter validates."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self._adapter = adapter
        self.count = 0

    def validate_python(self, value: object) -> object:
        self.count += 1
        return self._adapter.validate_python(value)


def test_faults_within_the_limit_are_all_told() -> None:
    """With the number of each item, so that the answer lists them beside those of other fields."""
    found = read('{"companies":["Acme",1,"Zara",2]}', LISTS)

    assert isinstance(found, dict)
    faulty = found["companies"]
    assert isinstance(faulty, FaultyItems)
    assert [fault["loc"][0] for fault in faulty.faults] == [1, 3]


@pytest.mark.parametrize("item", ["Acme", {"company": "Acme", "country": "ES"}, LEAD])
def test_items_of_a_long_list_are_nothing_to_the_cycle_collector(item: object) -> None:
    """They are kept as texts and tuples of texts, or a collection holds up every other request."""
    name = "leads" if item is LEAD else "companies"

    found = read(json.dumps({name: [item] * 10}), LISTS)

    assert isinstance(found, dict)
    gc.collect()
    assert not any(gc.is_tracked(each) for each in found[name])


@contextmanager
def longest_step() -> Iterator[Callable[[], float]]:
    """Measure the share of this thread's CPU time that the longest step of the loop takes."""
    steps: list[float] = []

    async def heartbeat() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            steps.append(now - before)
            before = now

    task = asyncio.get_running_loop().create_task(heartbeat())
    gc.disable()  # the tests' own objects are many
    try:
        yield lambda: max(steps) / sum(steps)
    finally:
        gc.enable()
        task.cancel()


LEADS = [{**LEAD, "email": f"ana{n}@acme.example"} for n in range(3_000)]
BODIES = {
    "leads": {"kind": "pipeline", "leads": LEADS},
    "companies": {"kind": "enrich", "companies": [f"Minas {n} SA" for n in range(6_000)]},
    "lead ids": {"kind": "pipeline", "lead_ids": [str(UUID(int=n)) for n in range(20_000)]},
}


@pytest.mark.parametrize("name", BODIES)
async def test_no_step_of_the_work_on_a_long_list_is_long(api: Api, name: str) -> None:
    """From the first byte to the accepted job, others have their turn within a twentieth of it."""
    content = json.dumps(BODIES[name])
    await api.client.get("/health")  # what the first request prepares is not measured

    with longest_step() as share:
        answer = await api.client.post(
            "/api/v1/jobs", content=content, headers={"Content-Type": "application/json"}
        )

    assert answer.status_code == 202
    assert share() < 0.05
