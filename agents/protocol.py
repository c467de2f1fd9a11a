"""The shape every agent has, and the order in which several look at a case.

A new agent (marketing, sales, finance) is a class with these three members in its own
folder beside `cdao`; adding it to a `Pipeline` is all that the delivery needs.
"""

from dataclasses import dataclass
from typing import Protocol

from agents.case import Case, Decision


class Agent(Protocol):
    """A pure judge of cases."""

    @property
    def name(self) -> str:
        """Stable snake_case identity, stored with each decision."""

    def wants_evidence(self, case: Case) -> bool:
        """Say whether it is worth paying for evidence before *case* is decided."""

    def decide(self, case: Case) -> Decision:
        """Judge *case*. Deterministic: no clock, no I/O, no randomness."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Agents in the order in which they judge; the first DISCARD ends it."""

    name: str
    agents: tuple[Agent, ...]
