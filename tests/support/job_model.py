"""What the scripts of jobs promise, as plain values. Pure: no clock, no server.

A chunk is in one place at a time. Whether it is finished is another matter: a worker that was
thought dead may still finish what another one has in hand by then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from orchestrator.jobs import Command, JobState, Lane
from orchestrator.jobs.model import MOVES

#: Items of one chunk.
CHUNK = 2
DEADLINE = "deadline"
#: Where a job may go next, as the documentation of its states draws it.
ARROWS = {
    JobState.ACCEPTED: {JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING},
    JobState.RUNNING: {JobState.PAUSED, JobState.CANCELLING, JobState.DONE, JobState.EXPIRED},
    JobState.PAUSED: {JobState.RUNNING, JobState.CANCELLING, JobState.DONE, JobState.EXPIRED},
    JobState.CANCELLING: {JobState.CANCELLED, JobState.DONE, JobState.EXPIRED},
}


class Place(Enum):
    """Where a chunk is."""

    NEW = auto()
    HELD = auto()
    RESTING = auto()
    RETURNED = auto()
    GONE = auto()


@dataclass(slots=True)
class Chunk:
    """One chunk: whose token it has while it is held, and how many workers have vanished with it.

    `is_due`: the next worker that takes work takes it, since its lease or its pause is over.
    """

    number: int
    place: Place = Place.NEW
    token: str | None = None
    is_due: bool = False
    finished: bool = False
    losses: int = 0

    def give_back(self) -> None:
        """Have it taken again, unless there is nothing left to do."""
        self.place = Place.GONE if self.finished else Place.RETURNED
        self.token, self.is_due = None, False


@dataclass(slots=True)
class ModelJob:
    """One job."""

    job_id: str
    label: str
    tenant: str
    lane: Lane
    items: int
    state: JobState = JobState.ACCEPTED
    results: dict[int, str] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chunks = [Chunk(n) for n in range(-(-self.items // CHUNK))]
        if not self.chunks:
            self.state = JobState.DONE

    def items_of(self, chunk: int) -> range:
        """Return the numbers of a chunk's items."""
        return range(chunk * CHUNK, min((chunk + 1) * CHUNK, self.items))

    def is_worked_through(self, chunk: int) -> bool:
        """Say whether each item of a chunk has a result."""
        return all(number in self.results for number in self.items_of(chunk))

    def next_chunks(self) -> list[Chunk]:
        """Return the chunk that the next taker gets, if any: what came back goes first."""
        if not self.state.is_workable:
            return []
        returned = [chunk for chunk in self.chunks if chunk.place is Place.RETURNED]
        return (returned or [chunk for chunk in self.chunks if chunk.place is Place.NEW])[:1]

    def report(self, number: int, outcome: str) -> bool:
        """Count a result, if the item has none and the job has not ended."""
        if self.state.is_final or number in self.results:
            return False
        self.results[number] = outcome
        return True

    def finish(self, number: int, token: str, *, rests: bool) -> None:
        """Let go of a chunk, or finish it although it was taken away."""
        chunk, done = self.chunks[number], self.is_worked_through(number)
        if self.state.is_final:
            return
        chunk.finished = chunk.finished or done
        if chunk.place is Place.HELD and chunk.token in {token, None}:
            chunk.losses = 0
            if rests and not done:
                chunk.place, chunk.token, chunk.is_due = Place.RESTING, None, False
            else:
                chunk.give_back()
        elif chunk.finished and chunk.place is Place.RETURNED:
            chunk.place = Place.GONE
        self.settle()

    def renew(self, number: int, token: str) -> bool:
        """Keep a chunk, or take it again if no other worker has it; else take the loss back."""
        chunk = self.chunks[number]
        if chunk.place is Place.HELD and chunk.token in {token, None}:
            chunk.token, chunk.is_due = token, False
            return True
        chunk.losses = max(0, chunk.losses - 1)
        return False

    def look_after(self) -> None:
        """Take back what vanished workers had, and what has rested."""
        for chunk in self.chunks:
            if chunk.is_due and not self.state.is_final:
                chunk.losses += chunk.place is Place.HELD
                chunk.give_back()
                self.settle()

    def command(self, command: Command) -> None:
        """Move where *command* leads, if it changes anything here."""
        before, after = MOVES[command]
        if self.state in before:
            self.state = after
            self.settle()

    def settle(self) -> None:
        """End the job if nothing is left to do."""
        if self.state.is_final:
            return
        if all(chunk.finished for chunk in self.chunks):
            late = DEADLINE in self.results.values()
            self.state = JobState.EXPIRED if late else JobState.DONE
        elif self.state is JobState.CANCELLING and not any(
            chunk.place is Place.HELD for chunk in self.chunks
        ):
            self.state = JobState.CANCELLED


class JobsModel:
    """All jobs, in the order of their acceptance."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}

    def accept(self, new: ModelJob) -> str:
        """Accept *new*, and return its id, or that of the unfinished job of equal work."""
        for job in self.jobs.values():
            is_open = job.state.is_workable or job.state is JobState.PAUSED
            if job.label == new.label and is_open:
                return job.job_id
        self.jobs[new.job_id] = new
        return new.job_id

    def look_after(self, lane: Lane) -> None:
        """Do what every taker does first."""
        for job in self._of(lane):
            job.look_after()

    def next_chunks(self, lane: Lane) -> dict[tuple[str, int], Chunk]:
        """Return what a taker may get: of each tenant, from its oldest job that has something."""
        found: dict[tuple[str, int], Chunk] = {}
        served = set()
        for job in self._of(lane):
            chunks = [] if job.tenant in served else job.next_chunks()
            if chunks:
                served.add(job.tenant)
            found.update({(job.job_id, chunk.number): chunk for chunk in chunks})
        return found

    def take(self, job_id: str, number: int, token: str) -> Chunk:
        """Give the chunk to the holder of *token*."""
        job = self.jobs[job_id]
        chunk = job.chunks[number]
        chunk.place, chunk.token = Place.HELD, token
        if job.state is JobState.ACCEPTED:
            job.state = JobState.RUNNING
        return chunk

    def _of(self, lane: Lane) -> Iterator[ModelJob]:
        return (job for job in self.jobs.values() if job.lane is lane)
