"""What can go wrong before the CDAO agent exists; a judgement itself never fails.

PolicyError(problems)    the policy cannot be used; start-up only
"""


class PolicyError(ValueError):
    """The policy is not fit to judge with; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"the policy has {count} problem{'' if count == 1 else 's'}:\n{lines}"
