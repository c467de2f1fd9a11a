"""What must still hold at the instant in which the bytes of a paid request leave.

A buyer makes sure that it may pay long before its bytes leave: the connection, TLS and other
tasks of the loop come in between. So it hands the question on to the socket (`http`), which
asks it once more right before it writes. Whatever is sent within `sent_only_while` is asked
about, by whichever seller, in whichever task it started.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Says whether bytes that cost money may leave now. Asks nobody, takes no time.
Permit = Callable[[], bool]

_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


@contextmanager
def sent_only_while(permit: Permit) -> Iterator[None]:
    """Let requests leave only while *permit* says so; what it stops ends in `NotSent`."""
    token = _permit.set(permit)
    try:
        yield
    finally:
        _permit.reset(token)


def is_permitted() -> bool:
    """Say whether a request of this context may leave now; one without a permit always may."""
    permit = _permit.get()
    return permit is None or permit()
