"""What can go wrong with a job besides its work."""


class KeyReused(Exception):
    """An idempotency key was used before, for other work."""

    def __str__(self) -> str:
        return (
            "This idempotency key was used for another request; "
            "send the same request again, or use another key"
        )


class AlreadyRequeued(Exception):
    """Another job has one of the dead letters since; what is left is for the caller to read."""

    def __str__(self) -> str:
        return "Another job has some of these dead letters since"
