"""The members every agent has, and the order in which several judge a case.

A new agent (marketing, sales, finance) is a class with these members in its own folder beside
`cdao`; adding it to the `Pipeline` is all that storage and delivery need.
"""

from dataclasses import dataclass
from typing import Protocol

from agents.case import Case, ClaimField, Decision


class Agent(Protocol):
    """A pure judge of cases."""

    @property
    def name(self) -> str:
        """Stable snake_case identity, stored with each decision."""

    @property
    def version(self) -> str:
        """Identity of its rules, stored with each decision."""

    def wants_evidence(self, case: Case) -> bool:
        """Return whether it is worth paying for evidence before *case* is decided."""

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:
        """Return whether more evidence, about *fields* only, is worth paying for.

        It is while it could change the verdict that `decide` would give now, or fill a field
        that an opportunity must have. Pure like `decide`, and monotone: what is wanted of some
        fields is wanted of more.
        """

    def decide(self, case: Case) -> Decision:
        """Judge *case*. Deterministic: no clock, no I/O, no randomness."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Agents, by distinct names, in the order in which they judge; the first DISCARD ends it."""

    agents: tuple[Agent, ...]

    @property
    def version(self) -> str:
        """Identity of all rules; with a single agent, the agent's own version."""
        return "+".join(agent.version for agent in self.agents)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each agent's rules, by the agent's name."""
        return {agent.name: agent.version for agent in self.agents}
