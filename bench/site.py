"""A whole installation for a measurement: an embedded stack, and the parts to ask it through."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from orchestrator.app import Runtime, build
from orchestrator.embedded.stack import EmbeddedStack
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import load
from tests.support.stack import running_stack


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation."""

    stack: EmbeddedStack
    parts: Runtime

    async def behave(self, **behaviour: str | float) -> None:
        """Change how SurfSense answers."""
        async with httpx.AsyncClient() as http:
            url = self.stack.variables["SURFSENSE_URL"]
            (await http.post(f"{url}/__faults", json=behaviour)).raise_for_status()


@asynccontextmanager
async def running_site(*, workers: int, variables: Mapping[str, str]) -> AsyncIterator[Site]:
    """Run so many *workers*, set up by *variables* beyond what the stack says of itself.

    No key of it may stay permanently, whatever is done to it.
    """
    with (
        _environment(variables),
        tempfile.TemporaryDirectory() as home,
        running_stack(Path(home), workers=workers) as stack,
    ):
        settings = load(**stack.variables)
        notifier = CeleryNotifier(create_app(settings))
        async with build(settings, notifier=notifier) as parts:
            yield Site(stack, parts)
        await notifier.aclose()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set *variables*, which child processes inherit, and undo it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
