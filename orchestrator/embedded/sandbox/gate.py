"""What all of the sandbox's doors share: who may come in, how it behaves, and what it counts."""

import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.embedded.sandbox import asgi
from orchestrator.embedded.sandbox.faults import Fault, PollFault, RunFault
from orchestrator.embedded.sandbox.options import Behaviour, SandboxOptions
from orchestrator.embedded.sandbox.refusal import Refused
from orchestrator.embedded.sandbox.window import FixedWindow


class Gate:
    """One for all doors; its counts are in memory."""

    def __init__(self, options: SandboxOptions, window: FixedWindow) -> None:
        self.behaviour: Behaviour = options.behaviour
        self._api_key = options.api_key
        self._window = window
        self._in_flight = 0
        self.start_counting()

    def start_counting(self) -> None:
        """Forget all requests but those in flight; faults begin again at the first attempt."""
        self._requests = 0
        self._looks = 0
        self._faults: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._window.forget()

    def counts(self) -> dict[str, Any]:
        """Return the requests and looks seen, the work in flight, and the faults by kind."""
        return {
            "requests": self._requests,
            "looks": self._looks,
            "in_flight": self._in_flight,
            "faults": {
                fault.value: self._faults[fault] for fault in (*Fault, *PollFault, *RunFault)
            },
        }

    def admit(self, scope: asgi.Scope, *, tells_wait: bool) -> None:
        """Let in a request for work.

        Args:
            scope: The request.
            tells_wait: Whether a 429 says when to come back; SurfSense's does not.

        Raises:
            Refused: By the rate limit, then by the key, so bad keys consume the limit.
        """
        self._requests += 1
        wait_s = self._window.seconds_to_wait(self.behaviour.rate_limit)
        if wait_s:
            message = "Rate limit exceeded for this workspace. Try again shortly."
            told_s = wait_s if tells_wait else None
            raise Refused(429, "RATE_LIMIT_EXCEEDED", message, wait_s=told_s)
        self.check_key(scope)

    def admit_look(self, scope: asgi.Scope) -> None:
        """Let in a request that only looks, which no limit counts.

        Raises:
            Refused: By the key.
        """
        self._looks += 1
        self.check_key(scope)

    def check_key(self, scope: asgi.Scope) -> None:
        """Check the bearer token, which a sandbox without a key does not ask for.

        Raises:
            Refused: It is missing or wrong.
        """
        if self._api_key is None:
            return
        given = asgi.header(scope, b"authorization").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self._api_key.get_secret_value().encode()):
            raise Refused(401, "UNAUTHORIZED", "The API key is missing or wrong.")

    def check_workspace(self, workspace_id: str, known: str) -> None:
        """Check that the token's owner may use the workspace over the API.

        Raises:
            Refused: There is no such workspace for it, or its API access is switched off.
        """
        if workspace_id != known:
            raise Refused(403, "FORBIDDEN", "You don't have access to this workspace")
        if not self.behaviour.api_access:
            raise Refused(403, "FORBIDDEN", "API access is not enabled for this workspace.")

    def attempt_at(self, topic: str) -> int:
        """Return how many requests about *topic* there have been, this one included."""
        self._attempts[topic] += 1
        return self._attempts[topic]

    def count(self, fault: Fault | PollFault | RunFault | None) -> None:
        """Count a fault that a request meets, if it meets one."""
        if fault is not None:
            self._faults[fault] += 1

    @contextmanager
    def one_more_in_flight(self) -> Iterator[None]:
        """Count a search while it is under way."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
