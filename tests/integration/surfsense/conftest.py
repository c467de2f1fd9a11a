"""Sandboxes for the tests of this folder, each a real process."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from tests.integration.surfsense.sandbox_process import FAULTLESS, SandboxProcess

Run = Callable[[Awaitable[None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return how to run on a loop of this kind; workers run on uvloop."""
    new_loop = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(test: Awaitable[None]) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(test)  # type: ignore[arg-type]  # a coroutine

    return run


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """Run one sandbox for the whole module."""
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    yield process
    process.stop()


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    """Give a sandbox with an empty bill, no faults, and every company found."""
    running.reset()
    running.behave(**FAULTLESS.model_dump())
    return running


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Callable[..., SandboxProcess]]:
    """Start a sandbox with options of its own, and kill it afterwards."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> SandboxProcess:
            process = SandboxProcess(tmp_path, *options)
            stack.callback(process.kill)
            return process

        yield start
