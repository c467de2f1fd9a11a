"""A sales agent for tests: a real HTTP server that fails as told, and drops repeats by event id."""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

SECRET = bytes(range(32))
SECRET_TEXT = "whsec_" + base64.b64encode(SECRET).decode()


@dataclass
class Receiver:
    """What came in. `script` has what is answered next: a status, or None to hang up.

    `effects` counts what a receiver that dedupes by event id would have done; `hold` keeps
    answers back after the effect.
    """

    url: str = ""
    script: list[int | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    received: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Take one event."""
        body = await request.read()
        event_id = request.headers["webhook-id"]
        timestamp = request.headers["webhook-timestamp"]
        signed = f"{event_id}.{timestamp}.".encode() + body
        digest = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{digest}"
        self.received[event_id] += 1
        self.came.set()
        status = self.script.pop(0) if self.script else 200
        if status is None or status == 200:
            # Also one that hangs up has understood: that is what makes repeats necessary.
            self.effects[event_id] = 1
        await self.hold.wait()
        if status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=status, headers=self.headers)


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """Run a receiver on a port of its own."""
    receiver = Receiver()
    receiver.hold.set()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        receiver.hold.set()
        await runner.cleanup()
