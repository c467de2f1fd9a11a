"""What can go wrong in the memo, by what the caller should do.

StoreUnavailable                    Redis is unavailable, or refuses: load nothing (`infra`)
└── NotDurable(operation, reason)   what was written is not as safe as was asked for
MemoError
├── StillLoading(key)               the caller gave up waiting; the load goes on
├── LeaseLost(key)                  another leader took over: begin nothing that cannot be undone
│   └── RecordGone(key)             what an earlier leader had left is settled: begin again
├── LoadFailed(key, reason)         the leader failed with an error that no codec knows
└── CorruptEntry(key, reason)       a stored value cannot be read: a counted miss

Every class takes its values by position, so that it survives JSON and pickle.
"""

from orchestrator.infra.redis_client import StoreUnavailable


class MemoError(Exception):
    """Root of the memo's errors about one `key`."""

    def __init__(self, key: str, *details: str) -> None:
        super().__init__(key, *details)
        self.key = key


class NotDurable(StoreUnavailable):
    """What was written is not where it must be (on disk, on a replica), for *reason*."""

    def __str__(self) -> str:
        return (
            f"an intent to buy could not be confirmed: {self.reason}; nothing was bought, "
            "`emasai doctor` names the fix"
        )


class StillLoading(MemoError):
    """The caller's patience ended before the load of *key*; its answer will be in the memo."""

    def __str__(self) -> str:
        return f"{self.key} is still being loaded; ask again later"


class LeaseLost(MemoError):
    """The flight for *key* is no longer led by the caller."""

    def __str__(self) -> str:
        return f"the lease of {self.key} was lost to another leader"


class RecordGone(LeaseLost):
    """The record that the leader of *key* has found was dropped by its writer in the meantime."""

    def __str__(self) -> str:
        return f"the record of {self.key} is settled"


class LoadFailed(MemoError):
    """The leader of *key* failed for *reason*; the same failure reaches every follower."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"loading {self.key} failed: {self.reason}"


class CorruptEntry(MemoError):
    """The value stored under *key* is not an entry this version can read."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the entry {self.key} cannot be read: {self.reason}"
