"""Errors about a job itself, not about the work on its items."""


class KeyReused(Exception):
    """An idempotency key was used before, for other work."""

    def __str__(self) -> str:
        return (
            "This idempotency key was used for another request; "
            "send the same request again, or use another key"
        )


class KeyInFlight(Exception):
    """The first request with an idempotency key has not been answered yet."""

    def __str__(self) -> str:
        return (
            "Another request with this idempotency key is in flight; "
            "repeat this one when it has been answered"
        )


class AlreadyRequeued(Exception):
    """Another job has one of the dead letters since; the caller reads anew what is left."""

    def __str__(self) -> str:
        return "Another job has some of these dead letters since"


class UnreadableJob(Exception):
    """What is stored of *job_id* cannot be read, by *problem*. The job is not worked on."""

    def __init__(self, job_id: str, problem: str) -> None:
        super().__init__(job_id, problem)
        self.job_id = job_id
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"The record of job {self.job_id} cannot be read ({self.problem}), so it is not worked "
            f"on; `emasai jobs cancel {self.job_id}` removes it"
        )


class UnreadableChunk(Exception):
    """The items of *chunk* of *job_id* cannot be read."""

    def __init__(self, job_id: str, chunk: int) -> None:
        super().__init__(job_id, chunk)
        self.job_id = job_id
        self.chunk = chunk

    def __str__(self) -> str:
        return f"The items of chunk {self.chunk} of job {self.job_id} cannot be read"


class RemovedJob(UnreadableJob):
    """A job whose record cannot be read was removed instead of being cancelled."""

    def __str__(self) -> str:
        return (
            f"The record of job {self.job_id} could not be read ({self.problem}); it was removed, "
            "and none of its items runs any more"
        )


class JobGone(Exception):
    """The record of *job_id*, an accepted job that a caller waits for, no longer exists."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return (
            f"The record of job {self.job_id} no longer exists: Redis was emptied, or has lost it; "
            "submit the same work again: companies that were bought are not bought a second time"
        )
