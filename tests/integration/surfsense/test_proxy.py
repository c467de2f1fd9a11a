"""The environment's proxy: used for others, never for what is on this machine."""

from datetime import timedelta

import pytest

from orchestrator.infra.clock import utc_now
from orchestrator.leads import open_webhook
from orchestrator.surfsense import open_http
from tests.integration.surfsense.raw_server import RawServer, answer
from tests.support.receiver import SECRET

SOON = timedelta(seconds=5)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "[::ffff:127.0.0.1]"])
async def test_what_is_on_this_machine_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Seller and receiver alike: a proxy elsewhere would not find them, and would see the key."""
    address = host if host.startswith("127.") else "127.0.0.1"
    async with RawServer(answer).serve() as proxy, RawServer(answer).serve(address) as service:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        url = service.url.replace(address, host)
        async with (
            open_http(url, api_key=None, timeout=SOON) as http,
            open_webhook(url, SECRET, utc_now) as webhook,
        ):
            await http.send("GET", "", company="", within=SOON)
            await webhook.send("event", b"{}")

        assert proxy.requests == 0
        assert service.requests > 0


async def test_others_are_reached_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not this machine's is for the proxy to resolve."""
    async with RawServer(answer).serve() as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        url = "http://seller.example"
        async with open_http(url, api_key=None, timeout=SOON) as http:
            await http.send("GET", "/enrich", company="", within=SOON)

        assert proxy.requests == 1
