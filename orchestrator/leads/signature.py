"""Signs what is sent, by the Standard Webhooks convention. Pure.

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`;
libraries for receivers exist in most languages (standardwebhooks.com).
"""

import base64
import hashlib
import hmac


def signed_headers(secret: bytes, event_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows *body*, who sent it, and when."""
    signed = b".".join((event_id.encode(), str(timestamp_s).encode(), body))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
