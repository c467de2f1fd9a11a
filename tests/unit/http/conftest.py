"""The application in this process, on a real Valkey server and a SQLite file of each test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from orchestrator.app import Runtime
from orchestrator.embedded.stack import Valkey
from orchestrator.http import create_api
from orchestrator.jobs import Report
from orchestrator.settings import Settings, load
from tests.support.async_waiting import eventually
from tests.support.database import migrated_file
from tests.support.notifier import FakeNotifier


@dataclass(frozen=True)
class Api:
    """A running application and what its tests talk to."""

    app: FastAPI
    client: httpx.AsyncClient
    notifier: FakeNotifier

    @property
    def runtime(self) -> Runtime:
        """The core behind the api."""
        runtime: Runtime = self.app.state.runtime
        return runtime


OpenApi = Callable[..., AbstractAsyncContextManager[Api]]

#: The first application with keys, and the first without. FastAPI builds a route when it is first
#: asked for, and the OpenAPI document takes half a second, so all tests share those of these two.
_first: dict[bool, FastAPI] = {}


@pytest.fixture
def settings(shared_valkey: Valkey, tmp_path: Path) -> Settings:
    """Return the settings of a configured installation without a key."""
    return load(
        REDIS_URL=f"{shared_valkey.url}/1",
        DATABASE_URL=migrated_file(tmp_path),
        SURFSENSE_URL="http://127.0.0.1:9",
    )


@pytest.fixture
def open_api() -> OpenApi:
    """Return what starts an application with given settings, and ends it."""

    @asynccontextmanager
    async def opened(settings: Settings, base_url: str = "http://localhost") -> AsyncIterator[Api]:
        notifier = FakeNotifier()
        app = create_api(settings, notifier=notifier)
        first = _first.setdefault(bool(settings.api_keys), app)
        app.router.routes, app.openapi_schema = first.router.routes, first.openapi_schema
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=base_url) as client,
        ):
            yield Api(app, client, notifier)
        first.openapi_schema = app.openapi_schema

    return opened


@pytest.fixture
async def api(settings: Settings, open_api: OpenApi) -> AsyncIterator[Api]:
    """Return a running application without a key."""
    async with open_api(settings) as opened:
        yield opened


async def close_connections(api: Api) -> None:
    """Close the connections to the database, none of which is in use then.

    One that is, of the repairs that begin with the application, would be left open.
    """
    engine = api.runtime.backends.engine

    async def is_idle() -> bool:
        return engine.pool.status().endswith("Checked out connections: 0")

    await eventually(is_idle, "no connection is in use")
    await engine.dispose()


async def failed_job(api: Api, *, tenant: str = "acme") -> str:
    """Return a job of three companies, two of which have failed."""
    wanted = {"kind": "enrich", "companies": ["Acme", "Beta", "Gamma"], "tenant": tenant}
    job_id: str = (await api.client.post("/api/v1/jobs", json=wanted)).json()["job_id"]
    for number, name, code in ((0, "Acme", "rate_limited"), (2, "Gamma", "poison")):
        reason = {"en": f"{name} failed.", "es": f"{name} falló."}
        result = {"company": name, "company_key": name.lower(), "reason": reason}
        await api.runtime.jobs.records.report(
            job_id, number, Report(result, failure=code, attempts=3)
        )
    return job_id
