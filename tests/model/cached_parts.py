"""Runs the gateway's own reads and writes step by step: `Records`, `FencedWrites`, `Repairs`.

They are coroutines that stop wherever they ask Redis or the database. Scripts run in Lua over a
small Redis, statements on SQLite in memory: each from the state in which the model is.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import orjson
import structlog
from sqlalchemy import StaticPool, create_engine, update
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.schema import CreateTable

import orchestrator.cache
import orchestrator.fence
import orchestrator.fence.writes
import orchestrator.gateway.records
import orchestrator.leads.store
from orchestrator.cache import TTL_S, GatewayStore, Kind
from orchestrator.database import DatabaseUnavailable
from orchestrator.database.schema import cache_outbox, deleted_versions, leads, metadata
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites, Repairs
from orchestrator.gateway import NotStored, Records
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.leads import LeadStore, OnConflict, lead_key
from tests.model.programs import Ask, Facts, Program
from tests.support.cases import lead

LEAD: Final = lead(1, notes="first")
KEY: Final = lead_key(LEAD.id)
#: What is read where there is no lead.
ABSENT: Final = "absent"
_TTL: Final = timedelta(seconds=TTL_S[Kind.LEAD])
_TABLES: Final = (leads, deleted_versions, cache_outbox)


class Json(NamedTuple):
    """A JSON object in a row, hashable."""

    pairs: tuple[tuple[str, Any], ...]


#: The rows of each of `_TABLES`.
Rows = tuple[tuple[tuple[Any, ...], ...], ...]


def _frozen(value: Any) -> Any:
    return Json(tuple(sorted(value.items()))) if isinstance(value, dict) else value


def _thawed(value: Any) -> Any:
    return dict(value.pairs) if isinstance(value, Json) else value


class Database:
    """Executes the project's statements from any state; what they do is kept."""

    def __init__(self) -> None:
        self._engine = create_engine(
            "sqlite://", poolclass=StaticPool, json_serializer=lambda x: orjson.dumps(x).decode()
        )
        with self._engine.begin() as connection:
            for table in metadata.sorted_tables:
                connection.execute(CreateTable(table))
        self._done: dict[Any, tuple[Rows, Any]] = {}

    def close(self) -> None:
        """Close it."""
        self._engine.dispose()

    def run(self, rows: Rows, asked: "Statement") -> tuple[Rows, Any]:
        """Return the rows after *asked*, and its result as names and rows."""
        if (rows, asked.name) not in self._done:
            self._done[rows, asked.name] = self._execute(rows, asked)
        return self._done[rows, asked.name]

    def _execute(self, rows: Rows, asked: "Statement") -> tuple[Rows, Any]:
        with self._engine.begin() as connection:
            for table, kept in zip(_TABLES, rows, strict=True):
                connection.execute(table.delete())
                for row in kept:
                    values = dict(zip(table.c.keys(), map(_thawed, row), strict=True))
                    connection.execute(table.insert().values(values))
            result = connection.execute(asked.statement, asked.parameters)
            reply: Any = ((), ())
            if result.returns_rows:
                found = tuple(tuple(map(_frozen, row)) for row in result)
                reply = (tuple(result.keys()), found)
            after = tuple(
                tuple(sorted(tuple(map(_frozen, row)) for row in connection.execute(t.select())))
                for t in _TABLES
            )
        return after, reply


class Statement:
    """A statement with its parameters, equal to another one that says the same."""

    def __init__(self, statement: Any, parameters: Any) -> None:
        self.statement = statement
        self.parameters = parameters
        compiled = statement.compile(dialect=_DIALECT)
        self.name = f"{compiled} {sorted(compiled.params.items())} {parameters}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statement) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


_DIALECT: Final = create_engine("sqlite://").dialect


class _Connection:
    """Stands in for SQLAlchemy's: each statement is asked for."""

    dialect = _DIALECT

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        names, rows = await Ask("sql", (Statement(statement, parameters),))
        thawed = (tuple(map(_thawed, row)) for row in rows)
        return IteratorResult(SimpleResultMetaData(names), thawed)

    async def scalar(self, statement: Any) -> Any:
        return (await self.execute(statement)).scalar()

    async def scalars(self, statement: Any, parameters: Any = None) -> Any:
        return (await self.execute(statement, parameters)).scalars()


@asynccontextmanager
async def _reading(*_: object) -> AsyncIterator[_Connection]:
    yield _Connection()


@asynccontextmanager
async def _writing(*_: object) -> AsyncIterator[_Connection]:
    await Ask("begin")
    try:
        yield _Connection()
    except Exception:
        await Ask("roll back")
        raise
    await Ask("commit")


class _Batcher:
    """Stands in for the group commit: a group of one."""

    def __init__(self, commit: Callable[[Sequence[Any]], Any], **_: object) -> None:
        self._commit = commit

    async def submit(self, request: object) -> Any:
        return (await self._commit([request]))[0]


class _Redis:
    """Stands in for the client, where no script is called."""

    async def get(self, key: str) -> Any:
        return await Ask("redis", ("GET", key))

    async def unlink(self, *keys: str) -> Any:
        return await Ask("redis", ("UNLINK", *keys))


class _ScriptBatcher:
    """Stands in for the round trip that several calls share."""

    def __init__(self, redis: object) -> None:
        del redis

    async def call(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        (answer,) = await _call_together(None, script, [(keys, args)])
        return answer


async def _gather(*calls: Any) -> list[Any]:
    try:
        return [await call for call in calls]
    finally:
        for call in calls:
            call.close()


async def _call_together(_: object, script: str, calls: Sequence[Any]) -> list[Any]:
    frozen = tuple((tuple(keys), tuple(args)) for keys, args in calls)
    return list(await Ask("script", (script, frozen)))


@contextmanager
def modelled(facts: Facts) -> Iterator[None]:
    """Let the modules under test ask the model for all that is outside of them."""

    def load_script(_: object, package: str, name: str) -> str:
        assert package == "orchestrator.fence"
        return name

    fence, writes = orchestrator.fence, orchestrator.fence.writes
    records, store = orchestrator.gateway.records, orchestrator.leads.store
    waiting = SimpleNamespace(timeout=lambda _: nullcontext(), gather=_gather)
    replacements: list[tuple[Any, str, Any]] = [
        (fence, "asyncio", waiting),
        (fence, "ScriptBatcher", _ScriptBatcher),
        (fence, "call_together", _call_together),
        (fence, "load_script", load_script),
        *((module, "uuid4", facts.hex) for module in (fence, writes)),
        (writes, "monotonic", facts.monotonic),
        *((module, "Batcher", _Batcher) for module in (writes, records)),
        *((module, "reading", _reading) for module in (writes, records, store)),
        *((module, "writing", _writing) for module in (writes, store)),
    ]
    with ExitStack() as stack, structlog.testing.capture_logs():
        for module, name, stand_in in replacements:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, stand_in)
        yield


def program(name: str) -> Program:
    """Return what the process *name* does; its first letter says what.

    Its result is what it has read, or `acknowledged`, `deferred`, or anything else.
    """

    async def run(facts: Facts) -> str:
        facts.prefix = name
        redis: Any = _Redis()
        engine: Any = None
        fence = Fence(redis, ttl=_TTL)
        writes = FencedWrites(engine, fence, facts.clock)
        parts = Parts(
            Records(engine, fence, writes, facts.clock),
            writes,
            Repairs(engine, fence, facts.clock),
            GatewayStore(redis),
            LeadStore(engine, facts.clock, writes=writes),
        )
        try:
            return await _DOES[name[0]](parts, name)
        except DatabaseUnavailable:
            return "undone"

    return run


class Parts(NamedTuple):
    """What the programs use."""

    records: Records
    writes: FencedWrites
    repairs: Repairs
    cache: GatewayStore
    store: LeadStore


async def _read(parts: Parts, _: str) -> str:
    try:
        found = await parts.records.lead(LEAD.id)
    except NotStored:
        return ABSENT
    return str(orjson.loads(found.value)["notas"])


async def _get(parts: Parts, _: str) -> str:
    value = await parts.cache.get(KEY)
    return "nothing" if value is None else str(value["notas"])


async def _write(parts: Parts, name: str) -> str:
    fields = {"notes": name}
    try:
        written = await parts.records.change_lead(LEAD.id, fields, None)
    except NotStored:
        return "refused"
    return "deferred" if written.deferred else "acknowledged"


async def _forget_version(parts: Parts, name: str) -> str:
    async def work(connection: Any) -> tuple[None, dict[str, int]]:
        await connection.execute(update(leads).where(leads.c.id == LEAD.id).values(notes=name))
        return None, {KEY: 1}

    written = await parts.writes.run("change a lead by hand", [KEY], work)
    return "deferred" if written.deferred else "acknowledged"


async def _delete(parts: Parts, _: str) -> str:
    written = await parts.records.delete_lead(LEAD.id, None)
    return "deferred" if written.deferred else "acknowledged"


async def _create(parts: Parts, name: str) -> str:
    new = [LEAD.model_copy(update={"notes": name})]
    imported = await parts.store.import_leads(new, on_conflict=OnConflict.KEEP)
    return "acknowledged" if imported.report.new else "undone"


async def _keep(parts: Parts, name: str) -> str:
    try:
        found = await parts.records.lead(LEAD.id)
    except NotStored:
        return "nothing"
    value = orjson.loads(found.value)
    if name[0] == "u":
        del value["version"]
    await parts.cache.set(KEY, value, TTL_S[Kind.LEAD])
    return "kept"


async def _write_past(parts: Parts, name: str) -> str:
    async with _writing() as connection:
        changed = {"notes": name, "version": leads.c.version + 1}
        await connection.execute(update(leads).where(leads.c.id == LEAD.id).values(changed))
    await parts.cache.delete(KEY)
    return "acknowledged"


async def _repair(parts: Parts, _: str) -> str:
    try:
        await parts.repairs.repair()
    except StoreUnavailable:
        return "postponed"
    return "repaired"


_DOES: Final = {
    "r": _read,
    "P": _read,
    "g": _get,
    "G": _get,
    "w": _write,
    "v": _forget_version,
    "d": _delete,
    "c": _create,
    "s": _keep,
    "u": _keep,
    "e": _write_past,
    "R": _repair,
}
