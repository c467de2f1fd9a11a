"""The cycle collector of our processes; in a process of its own, since it is set for all of it."""

import subprocess
import sys

_PROGRAM = """
import gc, weakref
from orchestrator.infra.garbage import YOUNG, collect_rarely

class Node:
    pass

def cycle():
    node = Node()
    node.self = node
    return weakref.ref(node)

collect_rarely()
born, rounds = cycle(), gc.get_stats()[0]["collections"]
held = [[] for _ in range(YOUNG // 2)]
seen_early = gc.get_stats()[0]["collections"] - rounds
held += [[] for _ in range(YOUNG)]
print(gc.get_freeze_count() > 1000, seen_early, born() is None)
"""


def test_cycles_are_looked_for_rarely_but_found() -> None:
    """Imported code is out of the way, few looks are taken, and a cycle is freed all the same."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "0", "True"]
