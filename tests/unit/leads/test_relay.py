"""What a receiver's answer means, how long to wait, and what is signed."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from orchestrator.leads.outbox import (
    LONGEST_PAUSE,
    MOST_ATTEMPTS,
    Delivered,
    DeliveryPostponed,
    DeliveryRefused,
    Verdict,
    pause_after,
    signed_headers,
    verdict_on,
)
from orchestrator.settings import webhook_key
from tests.support.cases import NOW


@pytest.mark.parametrize(
    ("status", "retry_after", "verdict"),
    [
        (200, None, Delivered()),
        (204, "60", Delivered()),
        (422, "60", DeliveryRefused("answered 422")),
        (410, None, DeliveryRefused("answered 410")),
        (302, None, DeliveryPostponed("answered 302")),
        (401, None, DeliveryPostponed("answered 401")),
        (429, "60", DeliveryPostponed("answered 429", timedelta(minutes=1))),
        (503, "999999999", DeliveryPostponed("answered 503", timedelta(hours=1))),
        (500, None, DeliveryPostponed("answered 500")),
    ],
)
def test_an_answer_is_understood(status: int, retry_after: str | None, verdict: Verdict) -> None:
    """Only what the receiver will never take is refused; a wrong key may be corrected."""
    assert verdict_on(status, retry_after, NOW) == verdict


def test_pauses_grow_up_to_an_hour_and_differ() -> None:
    """Each at least half of what it may be; all attempts together take about half a day."""
    first, last = timedelta(seconds=5), MOST_ATTEMPTS

    for attempts in range(1, 100):
        longest = (
            min(first * 2 ** (attempts - 1), LONGEST_PAUSE) if attempts < 30 else LONGEST_PAUSE
        )
        assert longest / 2 <= pause_after(attempts) <= longest
    assert len({pause_after(5) for _ in range(20)}) > 1
    total = sum((pause_after(attempts) for attempts in range(1, last)), timedelta())
    assert timedelta(hours=5) < total < timedelta(hours=13)


def test_the_signature_is_the_conventions() -> None:
    """The example that Standard Webhooks publishes comes out as published."""
    key = webhook_key(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    body = b'{"test": 2432232314}'

    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("text", ["", "whsec_", "short", "not base64 at all, though it is long"])
def test_a_weak_secret_is_refused_and_not_quoted(text: str) -> None:
    """Base64 of 24 bytes at least."""
    with pytest.raises(ValueError, match="openssl rand") as refused:
        webhook_key(SecretStr(text))

    assert not text or text not in str(refused.value)
