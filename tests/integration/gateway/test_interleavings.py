"""The fence in all interleavings of a few processes; each rule that is taken out is missed."""

from collections.abc import Callable, Iterator

import pytest
import redis as blocking

from orchestrator.embedded.stack import Valkey
from tests.support.fence_model import (
    Mutation,
    Program,
    Scripts,
    explore,
    flush,
    lapse,
    peek,
    reader,
    writer,
)

Case = Callable[[], tuple[Program, ...]]

#: What happens at the same time. `lapse` follows the death of the writer in the same program.
CASES: dict[str, Case] = {
    "two readers, one writer": lambda: (reader("r1"), reader("r2"), writer("w1")),
    "two writers, of which one dies": lambda: (
        reader("r1"),
        [peek],
        writer("w1"),
        writer("w2", dies=True),
    ),
    "others look while one reads and one writes": lambda: (
        reader("r1"),
        [peek, peek],
        writer("w1"),
    ),
    "a writer dies and its mark lapses": lambda: (
        reader("r1"),
        [peek, peek],
        [*writer("w1", dies=True), lapse],
    ),
    "the server is flushed": lambda: ([*reader("r1"), peek], writer("w1"), [flush]),
}


@pytest.fixture
def server(shared_valkey: Valkey) -> Iterator["blocking.Redis"]:
    """Return a client of the gateway's database, on a server that does not wait for its disk."""
    with blocking.Redis.from_url(f"{shared_valkey.url}/0") as client:
        client.config_set("appendonly", "no")
        yield client
        client.config_set("appendonly", "yes")


def without(script: str, line: str) -> Mutation:
    """Return what takes *line* out of *script*."""

    def mutation(name: str, source: str) -> str:
        if name != script:
            return source
        assert source.count(line) == 1, line
        return source.replace(line, "")

    return mutation


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CASES)
def test_no_read_is_stale_in_any_order(server: "blocking.Redis", name: str) -> None:
    """No read is older than what was acknowledged before it, nor, with its memory, than a read."""
    runs, history = explore(Scripts(server), *CASES[name]())

    assert history == []
    assert runs >= 280


_RAISE = "redis.call('HSET', fence, 'generation', generation)\n"
_VERSION = "redis.call('HSET', fence, 'version', ARGV[3])\n"
_IS_CLOSED = "if redis.call('EXISTS', closed) == 1 then\n  return {'closed'}\nend\n"
_IS_RAISED = "if known[1] ~= generation then\n  return 'raised'\nend\n"
MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "no generation before the commit": (
        without("close", _RAISE),
        "a writer dies and its mark lapses",
    ),
    # Either of the two is enough: the generation keeps out what was read before the commit, the
    # version what is older than it.
    "neither generation nor version after the commit": (
        lambda name, source: without("open", _VERSION)(name, without("open", _RAISE)(name, source)),
        "the server is flushed",
    ),
    "not closed": (
        without("close", "redis.call('ZADD', closed, now_ms + closed_ms, token)\n"),
        "others look while one reads and one writes",
    ),
    "readers do not see that it is closed": (
        without("read", _IS_CLOSED),
        "others look while one reads and one writes",
    ),
    "fills without the generation": (without("fill", _IS_RAISED), "the server is flushed"),
    "the entry stays while it is written": (
        without("close", "redis.call('UNLINK', entry)\n"),
        "a writer dies and its mark lapses",
    ),
    "the first of two writers opens for both": (
        lambda name, source: (
            source.replace("redis.call('ZREM', closed, token)", "redis.call('DEL', closed)")
            if name == "open"
            else source
        ),
        "two writers, of which one dies",
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTATIONS)
def test_each_rule_is_needed(server: "blocking.Redis", name: str) -> None:
    """Without it, some order of the same steps returns an older version."""
    mutation, case = MUTATIONS[name]

    _, history = explore(Scripts(server, mutation), *CASES[case]())

    assert history != []
