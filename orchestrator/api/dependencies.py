"""What routes ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from orchestrator.bootstrap import Runtime


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeOfApp = Annotated[Runtime, Depends(_runtime)]

#: For `EMASAI_IDEMPOTENCY_TTL_S` the same key leads to the same job.
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255)]

#: For the OpenAPI document only. `security.Guard` checks the key before a body is read, which
#: FastAPI does ahead of every dependency.
KEY_DOCUMENTED = (
    Security(HTTPBearer(auto_error=False)),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
)
