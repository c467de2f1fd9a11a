"""The modelled seller: what it sells, lists and charges; and the runs that were given up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.surfsense.workspace import CLOCK_SKEW
from tests.model.programs import ms

if TYPE_CHECKING:
    from tests.model.world import World

#: How far back from the intent a run is looked for: RunFinder's allowance for its clock.
SKEW_MS = ms(CLOCK_SKEW)


class Run(NamedTuple):
    """One accepted POST. It is charged unless it failed, or is interrupted.

    `generation` is how many invalidations its buyer knew of when it began to lead. `late_after`
    is how many had led when an interrupted run succeeded late; -1 for others.
    `needless`: an orphaned run had been charged, and could be known, before its buyer led.
    """

    id: str
    purchase_id: str
    posted_ms: int
    generation: int
    visible_ms: int
    failed: bool = False
    interrupted: bool = False
    late_after: int = -1
    needless: bool = False

    @property
    def charged(self) -> bool:
        """Whether it is on the seller's bill."""
        return not (self.failed or self.interrupted)

    @property
    def late(self) -> bool:
        """Whether it was charged after it had been interrupted."""
        return self.late_after >= 0


class Selling:
    """Carries out what is asked of the seller, and of the memory of orphaned runs."""

    def __init__(self, *, knows_settled: bool, honours_key: bool) -> None:
        self._knows_settled = knows_settled
        self._honours_key = honours_key

    def _post(self, world: "World", purchase_id: str, token: str) -> tuple["World", str]:
        repeated = [run for run in world.runs if run.purchase_id == purchase_id]
        if self._honours_key and repeated:
            return world, repeated[0].id
        place = world.place_of(token)
        _, generation = world.begun[place]
        given_up = {run_id for run_id, _, after in world.orphans if after <= place}
        needless = any(
            run.id in given_up and 0 <= run.late_after <= place and run.generation == generation
            for run in world.runs
        )
        name = f"r{len(world.runs)}"
        run = Run(name, purchase_id, world.now_ms, generation, world.now_ms, needless=needless)
        return world._replace(runs=(*world.runs, run)), run.id

    def _connect(self, world: "World") -> tuple["World", None]:
        return world, None

    def _collect(self, world: "World", run_id: str) -> tuple["World", str]:
        return world, run_id

    def _look(self, world: "World", run_id: str) -> tuple["World", str | None]:
        charged = any(run.id == run_id and run.charged for run in world.runs)
        return world, run_id if charged else None

    def _find(
        self, world: "World", after_ms: int, exclude: tuple[str, ...]
    ) -> tuple["World", str | None]:
        seen = [
            run
            for run in reversed(world.runs)
            if run.visible_ms <= world.now_ms
            and not run.failed
            and run.posted_ms >= after_ms - SKEW_MS
            and not (self._knows_settled and run.id in exclude)
        ]
        seen.sort(key=lambda run: abs(run.posted_ms - after_ms))
        return world, seen[0].id if seen else None

    def _orphan(self, world: "World", run_id: str, record: bytes) -> tuple["World", None]:
        others = (orphan for orphan in world.orphans if orphan[0] != run_id)
        return world._replace(orphans=(*others, (run_id, record, len(world.begun)))), None

    def _orphans(self, world: "World") -> tuple["World", tuple[bytes, ...]]:
        return world, tuple(record for _, record, _ in world.orphans)

    def _forget_orphan(self, world: "World", run_id: str) -> tuple["World", None]:
        return world._replace(orphans=tuple(s for s in world.orphans if s[0] != run_id)), None


def end_of(world: "World", run_id: object) -> str | None:
    """Return the fault that a run has ended with; None for a run that brings its answer."""
    (run,) = (run for run in world.runs if run.id == run_id)
    if run.failed:
        return "run failed"
    return "run interrupted" if run.interrupted else None


def ends_of(world: "World", run_id: object) -> "Iterator[World]":
    """Yield the worlds in which a run fails, or is interrupted by a restart of the seller."""
    others = {run.id: run for run in world.runs}
    run = others[str(run_id)]
    if world.left.failed:
        runs = {**others, run.id: run._replace(failed=True)}
        yield world.spend("failed")._replace(runs=tuple(runs.values()))
    if world.left.interrupt:
        runs = {**others, run.id: run._replace(interrupted=True)}
        yield world.spend("interrupt")._replace(runs=tuple(runs.values()))


def succeeded_late(world: "World") -> "World | None":
    """Return the world after an interrupted run has succeeded and been charged; None without."""
    if not any(run.interrupted for run in world.runs):
        return None
    runs = tuple(
        r._replace(interrupted=False, late_after=len(world.begun)) if r.interrupted else r
        for r in world.runs
    )
    return world.spend("late")._replace(runs=runs)
