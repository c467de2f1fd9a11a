"""Buying with the real client over the real transport, as tests do it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from orchestrator.surfsense import EnrichmentError, SurfSenseClient, open_http

PATIENCE = timedelta(seconds=20)


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def client_of(
    url: str, *, api_key: str | None = None, patience: timedelta = PATIENCE
) -> AsyncIterator[SurfSenseClient]:
    """Open a client that gives an answer *patience*, and waits no time between attempts."""
    key = None if api_key is None else SecretStr(api_key)
    async with open_http(api_key=key, max_in_flight=200, timeout=patience) as http:
        yield SurfSenseClient(http, base_url=url, price_micros=1, timeout=patience, sleep=_at_once)


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
            await client.purchase(company, purchase_id="p-1")
    return caught.value
