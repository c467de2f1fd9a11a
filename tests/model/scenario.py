"""What is explored: who takes part, by which seller, and how much may go wrong."""

from typing import NamedTuple

from tests.model.parts import REQUESTERS, Rules
from tests.model.programs import ms
from tests.model.world import Faults


class Scenario(NamedTuple):
    """One exploration. A process whose name begins with S sweeps; the others look up.

    `knows_settled`: the seller leaves out the runs that it is asked to. `excused` names promises
    that are not kept there; docs/protocol.md says why.
    """

    name: str
    processes: str
    bounds: Faults
    rules: Rules = Rules()
    knows_settled: bool = True
    excused: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        """How many requests to buy again there are: all who make one make the same."""
        return int(any(name in REQUESTERS for name in self.processes))

    @property
    def fresh_ms(self) -> int:
        """How long an answer is fresh (ms)."""
        return ms(self.rules.fresh_for)
