"""The one way in which settings fail."""


class ConfigurationError(Exception):
    """The environment is not fit to start with; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "the configuration has {} problem{}:\n{}".format(
            len(self.problems),
            "" if len(self.problems) == 1 else "s",
            "\n".join(f"  - {problem}" for problem in self.problems),
        )
