"""Sandboxes for the tests of this folder, each a real process."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.surfsense.sandbox_process import FAULTLESS, SandboxProcess


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
