"""What must still hold at the instant in which the bytes of a paid request leave, and if they did.

A buyer makes sure that it may pay long before its bytes leave: the connection, TLS and other
tasks of the loop come in between. So it hands the question on to the socket (`http`), which
asks it once more right before it writes, and notes that it has written. Whatever is sent within
`guarded` is asked about, by whichever seller, in whichever task it started.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class SendGuard:
    """Guards one paid request.

    Attributes:
        may_leave: Says whether its bytes may leave now. Asks nobody, takes no time.
        has_left: Whether they may have left. While it is False, nothing was sent for certain,
            whatever has gone wrong.
    """

    def __init__(self, may_leave: Callable[[], bool]) -> None:
        self.may_leave = may_leave
        self.has_left = False


_guard: ContextVar[SendGuard | None] = ContextVar("send_guard", default=None)


@contextmanager
def guarded(guard: SendGuard) -> Iterator[None]:
    """Let requests leave only while *guard* says so; what it stops ends in `NotSent`."""
    token = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(token)


def current_guard() -> SendGuard | None:
    """Return the guard of this context; a request without one may always leave."""
    return _guard.get()
