"""A SurfSense on loopback whose answers a test plants, path by path."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.capabilities import every_verb

KEY = "ss_pat_planted"
NUMBER = 3
WORKSPACE: dict[str, Any] = {
    "id": NUMBER,
    "name": "Ventas Norte",
    "api_access_enabled": True,
    "is_owner": True,
}

Planted = tuple[int, Any]
"""Status, and JSON or the text of a web page."""

CAPABILITIES = f"/api/v1/workspaces/{NUMBER}/scrapers/capabilities"
HEALTHY: dict[str, Planted] = {
    "/health": (200, {"status": "ok"}),
    "/verify-token": (200, {"message": "Token is valid", "method": "pat"}),
    "/api/v1/workspaces": (200, [WORKSPACE]),
    "/users/me": (200, {"email": "x@y.example", "credit_micros_balance": 5_000_000}),
    CAPABILITIES: (200, every_verb()),
}
PAGE = "<!doctype html><title>502 Bad Gateway</title>"


def error(status: int, code: str, message: str) -> Planted:
    """Return an error answer in SurfSense's envelope."""
    body = {"error": {"code": code, "message": message, "status": status}, "detail": message}
    return status, body


class PlantedSurfSense:
    """Answers each path as planted, any other as SurfSense does; a wrong key is refused.

    `asked` has the method and path of each request. A status of 0 is no answer at all.
    """

    def __init__(
        self, answers: Mapping[str, Planted], *, below: str = "", otherwise: Planted | None = None
    ) -> None:
        self.asked: list[tuple[str, str]] = []
        self._answers = {below + path: answer for path, answer in answers.items()}
        self._otherwise = otherwise or (404, {"detail": "Not Found"})
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app, host="127.0.0.1")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        status, body = self._answers.get(request.path, self._otherwise)
        if status == 0:
            await asyncio.Event().wait()
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        headers = {"Location": "/elsewhere"} if status // 100 == 3 else {}
        return web.Response(
            status=status,
            body=orjson.dumps(body),
            content_type="application/json",
            headers=headers,
        )
