"""The FastAPI application: its parts in the order in which a request meets them."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware import Middleware

from orchestrator.app import build
from orchestrator.jobs import Notifier
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.settings import Settings

from . import (
    batches,
    failed_items,
    health,
    jobs,
    listing,
    metrics,
    reference,
    spanish_door,
    steering,
)
from .body_limit import BodyLimit
from .dependencies import KEY_DOCUMENTED
from .error_handlers import KNOWN_ERRORS, answer_error
from .health import HealthChecks
from .query_names import QueryNames
from .request_log import RequestLog
from .security import Guard, OriginGuard, is_upload

DESCRIPTION = """\
Asks for enrichment of companies and for the judgement of leads, and says how far it got.

Work that was answered with 202 is done or visibly failed some day, whatever is killed.
Repeating a request is safe: equal work that is not finished yet is the same job, a lead
is stored once, and a company is bought once while its evidence is fresh.

Every error has the shape `{"error": {"code", "message", "fields"}}`: `code` is for programs,
`message` is one sentence for people, `fields` names each fault of a request.
`X-Request-ID` is taken over from the request, or made up, and comes back with the answer.
"""


def create_api(settings: Settings, *, notifier: Notifier | None = None) -> FastAPI:
    """Return the application; its lifespan opens every connection and closes them again.

    Args:
        settings: Of a configured installation.
        notifier: Announces work instead of Celery's broker; stays the caller's to close.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            used = notifier
            if used is None:
                through_celery = CeleryNotifier(create_app(settings))
                used = await stack.enter_async_context(contextlib.aclosing(through_celery))
            runtime = await stack.enter_async_context(build(settings, notifier=used))
            app.state.runtime = runtime
            app.state.checks = await stack.enter_async_context(
                contextlib.aclosing(HealthChecks(runtime))
            )
            yield

    keys = settings.api_keys
    app = FastAPI(
        title="EMASAI orchestrator",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog),
            Middleware(Guard, keys=keys),
            Middleware(OriginGuard),
            Middleware(QueryNames),
            Middleware(BodyLimit, is_upload=is_upload),
        ],
        exception_handlers=dict.fromkeys(KNOWN_ERRORS, answer_error),
        # A redirect would send key and body to whatever address a proxy has named, in clear.
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    key_documented = KEY_DOCUMENTED if keys else ()
    routers = (
        *(batches.uploads, batches.router, listing.router),
        # Before the jobs: `failed` is no id.
        *(failed_items.router, jobs.router, steering.router, spanish_door.router),
        metrics.router,
    )
    for router in routers:
        app.include_router(router, dependencies=key_documented)
    app.include_router(health.router)
    app.include_router(reference.router)
    return app
