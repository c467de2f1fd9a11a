"""Buying with the real client over the real transport, as tests do it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from orchestrator.surfsense import (
    EnrichmentError,
    EnrichSeller,
    RunTimeouts,
    WorkspaceApi,
    WorkspaceSeller,
    open_http,
)

PATIENCE = timedelta(seconds=20)
#: Looks in quick succession, so that tests don't wait.
OFTEN = timedelta(milliseconds=10), timedelta(milliseconds=50)


@asynccontextmanager
async def client_of(
    url: str, *, api_key: str | None = None, patience: timedelta = PATIENCE
) -> AsyncIterator[EnrichSeller]:
    """Open a seller that waits for an answer for *patience*."""
    key = None if api_key is None else SecretStr(api_key)
    async with open_http(url, api_key=key, timeout=patience) as http:
        yield EnrichSeller(http, price_micros=1, answers_within=patience)


@asynccontextmanager
async def run_seller_of(
    url: str,
    *,
    workspace_id: str = "1",
    api_key: str | None = None,
    accept: timedelta = PATIENCE,
    answer: timedelta = PATIENCE,
    grace: timedelta = timedelta(milliseconds=100),
    looks: tuple[timedelta, timedelta] = OFTEN,
) -> AsyncIterator[WorkspaceSeller]:
    """Open a seller with run ids that waits as long as it is told.

    *looks* are the first and the longest pause between two looks.
    """
    key = None if api_key is None else SecretStr(api_key)
    async with open_http(url, api_key=key, timeout=PATIENCE) as http:
        api = WorkspaceApi(http, workspace_id=workspace_id)
        yield WorkspaceSeller(api, timeouts=RunTimeouts(accept, answer, grace, *looks))


async def error_of(
    url: str,
    *,
    company: str = "Acme",
    patience: timedelta = PATIENCE,
    api_key: str | None = None,
) -> EnrichmentError:
    """Return the error of one purchase."""
    async with client_of(url, patience=patience, api_key=api_key) as client:
        with pytest.raises(EnrichmentError) as caught:
            await client.submit(company, purchase_id="p-1")
    return caught.value
