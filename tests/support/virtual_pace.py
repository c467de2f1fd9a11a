"""The gate of a workspace in virtual time: its scripts on a real server, by a clock of the test."""

from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files
from itertools import count
from typing import Any

import redis as blocking

from orchestrator.surfsense import Rate

US = timedelta(microseconds=1)
SECOND_US = 1_000_000
_names = count()
#: A time, its epoch, and whether it is lent.
Held = tuple[int, int, int]
NOTHING: Held = (0, 0, 0)

#: Put before a script: its last argument is the time.
_CLOCK = """
local server, clock_us = redis, tonumber(table.remove(ARGV))
local redis = {call = function(command, ...)
  if command == 'TIME' then
    return {tostring(math.floor(clock_us / 1000000)), tostring(clock_us % 1000000)}
  end
  return server.call(command, ...)
end}
"""


class VirtualGate:
    """A new gate; every call says what time it is, in microseconds."""

    def __init__(self, client: "blocking.Redis", rate: Rate) -> None:
        name = f"virtual-{next(_names)}"
        self._keys = [f"pace1:{name}", f"pace1:free:{name}", f"pace1:lent:{name}"]
        self._rate = [rate.spacing // US, rate.burst]
        self._late_us = rate.late // US
        self._turn = client.register_script(_with_clock("pace"))
        self._event = client.register_script(_with_clock("pace_event"))

    def turn(self, now_us: int, held: Held = NOTHING, *, is_urgent: bool = False) -> list[Any]:
        """Return the script's reply to a caller that holds a time, or none."""
        settings = [5, 60 * SECOND_US, 60 * SECOND_US, 60_000]
        args = [*held, int(is_urgent), *self._rate, self._late_us, *settings, now_us]
        return list(self._called(self._turn, args))

    def limited(self, now_us: int, wait_us: int) -> None:
        """Tell it of a 429."""
        self._called(self._event, [60_000, "limited", wait_us, *self._rate, now_us])

    def free(self, now_us: int, held: Held) -> None:
        """Give a time back."""
        self._called(self._event, [60_000, "free", *held, now_us])

    def _called(self, script: Any, args: list[Any]) -> Any:  # noqa: ANN401 - what it returns
        return script(keys=self._keys, args=args)


def _with_clock(name: str) -> str:
    lua = files("orchestrator.surfsense").joinpath("lua", f"{name}.lua")
    return _CLOCK + lua.read_text("utf-8")


class FixedWindow:
    """SurfSense's limiter: a window opens with its first call; what it rejects does not count."""

    def __init__(self, rate: Rate) -> None:
        self._limit, self._window_us = rate.limit, rate.window // US
        self._ends_us = self._count = 0

    def refused(self, arrivals: Iterable[int]) -> int:
        """Return how many of the calls that arrive then are answered with 429."""
        return sum(not self._takes(time_us) for time_us in sorted(arrivals))

    def _takes(self, time_us: int) -> bool:
        if time_us >= self._ends_us:
            self._ends_us, self._count = time_us + self._window_us, 0
        self._count += 1
        return self._count <= self._limit
