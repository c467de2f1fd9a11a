"""A seller that costs next to nothing: `python -m bench.seller PORT DELAY_MS`.

Every `POST` is answered after the delay with one company, on raw asyncio streams, so that what
is measured is its callers. `GET /stats` says how many there were, when the first and the last
of them came, and how many were under way at once; `POST /reset` begins anew.
"""

import asyncio
import re
import sys
from time import monotonic
from typing import cast

import orjson
import uvloop

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class Stats:
    """What has been asked since the last reset."""

    def __init__(self) -> None:
        self.count = self.under_way = self.most = self.connections = 0
        self.first = self.last = 0.0

    def came(self) -> None:
        """Count a purchase."""
        now = monotonic()
        self.first = self.first or now
        self.last = now
        self.count += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)


class Seller(asyncio.Protocol):
    """One connection, kept as long as its caller keeps it."""

    stats = Stats()
    delay_s = 0.2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        # uvloop's transports fulfil the interface without inheriting from it.
        self._transport, self._received = cast("asyncio.Transport", transport), b""
        self.stats.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /stats"):
            self._send(vars(self.stats))
        elif head.startswith(b"POST /reset"):
            type(self).stats = Stats()
            self._send({})
        else:
            self.stats.came()
            company = orjson.loads(body)["empresa"]
            asyncio.get_running_loop().call_later(self.delay_s, self._sell, company)

    def _sell(self, company: str) -> None:
        self.stats.under_way -= 1
        self._send(
            {
                "empresa": company,
                "estado": "encontrada",
                "cost_micros": 31_500,
                "sector": "Manufacturing",
                "description": f"{company} makes parts for other makers of parts. " * 8,
                "website": "https://company.example",
                "country": "ES",
                "headcount": 240,
                "emails": ["info@company.example"],
                "phones": ["+34 910 000 000"],
                "technologies": ["SAP", "Salesforce"],
                "hiring": 4,
                "news": ["Opens a plant in Zaragoza"],
            }
        )

    def _send(self, answer: object) -> None:
        if self._transport.is_closing():
            return
        body = orjson.dumps(answer)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )


async def main(port: int, delay_ms: int) -> None:
    """Serve on loopback until the process ends."""
    Seller.delay_s = delay_ms / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Seller, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
