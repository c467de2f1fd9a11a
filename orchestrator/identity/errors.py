"""The one way a name can fail: it holds nothing that could be a company's name."""


class InvalidCompanyName(ValueError):
    """A name that has no company key; the row it came from is reported, never guessed.

    Args (positional, so that the error survives a queue): the name as given, and the reason.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name[:60]!r} is not a company name: {self.reason}"
