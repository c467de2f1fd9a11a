"""Processes on one database and one cache, and the history of what they were told."""

from collections.abc import Iterator
from pathlib import Path

from orchestrator.database import open_engine, upgrade
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore
from tests.support.cases import lead
from tests.support.children import Children, ForkedChild
from tests.support.gateway_process import LEADS
from tests.support.history import Read, Write, faults

#: A read in a log: its key, two instants, version.
_LINE_BYTES = 87


async def fill_database(url: str) -> None:
    """Migrate the database of *url* and store the leads of a run."""
    await upgrade(url)
    engine = open_engine(url)
    await LeadStore(engine, utc_now).import_leads([lead(number) for number in range(LEADS)])
    await engine.dispose()


class GatewayRun:
    """Starts processes and reads their logs."""

    def __init__(self, children: Children, database: str, redis_url: str, folder: Path) -> None:
        """Keep the logs in *folder*."""
        self._children = children
        self._places = (database, redis_url)
        self._folder = folder
        self._logs: list[Path] = []

    async def start(self, role: str, plant: str = "") -> ForkedChild:
        """Start a process; it reads or writes until it is ended."""
        log = self._folder / f"{len(self._logs)}.log"
        self._logs.append(log)
        module = "tests.support.gateway_process"
        return await self._children.fork(
            module, role, *self._places, str(log), plant, ready=b"ready"
        )

    def operations(self) -> int:
        """Return about how many reads and writes there are so far: lines, by their bytes."""
        size = sum(log.stat().st_size for log in self._logs)
        return size // _LINE_BYTES

    def faults(self) -> list[str]:
        """Return a sentence for each read that may not have returned what it did."""
        return faults(self.reads(), self.writes())

    def reads(self) -> Iterator[Read]:
        """Yield all that was read."""
        for words in self._lines():
            if words[0] == "read":
                key, began, ended, version, is_hit = words[1:]
                yield Read(key, float(began), float(ended), int(version), is_hit == "1")

    def writes(self) -> list[Write]:
        """Return all writes that began."""
        begun: dict[str, Write] = {}
        for words in self._lines():
            match words:
                case ["begin", name, key, began]:
                    begun[name] = Write(key, float(began))
                case ["end", name, ended, version, deferred]:
                    first = begun[name]
                    begun[name] = Write(
                        first.key, first.began, float(ended), int(version), deferred == "1"
                    )
        return list(begun.values())

    def _lines(self) -> Iterator[list[str]]:
        for log in self._logs:
            with log.open("r", encoding="ascii") as lines:
                for line in lines:
                    if line.endswith("\n"):  # a killed process has cut its last one off
                        yield line.split()
