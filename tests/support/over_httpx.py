"""SurfSense's HTTP over an httpx transport, so that respx or a function answers."""

from collections.abc import AsyncGenerator, Mapping

import httpx

from orchestrator.surfsense import Reply


class OverHttpx:
    """A `Transport` that asks an httpx transport. Errors that it raises pass through."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the transport's answer, read to its end."""
        request = httpx.Request(method, url, headers=headers, content=body)
        response = await self._transport.handle_async_request(request)
        return Reply(response.status_code, response.headers, await response.aread())

    async def stream(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """Yield what the transport answers to a GET."""
        request = httpx.Request("GET", url, headers=headers)
        response = await self._transport.handle_async_request(request)
        async for chunk in response.aiter_bytes():
            yield chunk

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()
