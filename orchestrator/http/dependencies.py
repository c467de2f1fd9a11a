"""What routes ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from orchestrator.app import Runtime
from orchestrator.infra import bounds

from .requests import AddressLimits, AddressTerms
from .security import Caller, caller_of


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def _caller(request: Request) -> Caller:
    return caller_of(request.scope)


RuntimeOfApp = Annotated[Runtime, Depends(_runtime)]
CallerOfRequest = Annotated[Caller, Depends(_caller)]
LimitsInAddress = Annotated[AddressLimits, Depends()]
TermsInAddress = Annotated[AddressTerms, Depends()]

#: For a day (`jobs.IDEMPOTENCY_TTL`) a repeated request with the same key is answered as the first.
IdempotencyKey = Annotated[bounds.IdempotencyKey | None, Header()]

#: For the OpenAPI document only. `security.Guard` checks the key before a body is read, which
#: FastAPI does ahead of every dependency.
KEY_DOCUMENTED = (
    Security(HTTPBearer(auto_error=False)),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
)
