"""Keeps Python's cycle collector out of the way of a process that holds many objects."""

import gc

#: New containers after which the youngest are looked through. One entry of the memo is about
#: thirty; with Python's default of 700 most of the time of a bulk read went into looking.
YOUNG = 50_000


def collect_rarely() -> None:
    """Look for cycles less often, and never again among what is there now: the imported code.

    What has no cycles is freed at once, as ever. Call it once a process, when all is imported:
    it spares the event loop of a worker pauses of some 70 ms each.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
