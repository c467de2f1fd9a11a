"""What may be public_address of a URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.doctor.finding import public_address
from orchestrator.infra.redis_address import RedisAddress

# Escaped as they should be, or not; never a letter of their own that the rest of the URL has.
SECRETS = st.text("XYZ019-_.%:@/?#&=", min_size=1)


@given(SECRETS)
def test_no_part_of_a_password_is_ever_shown(secret: str) -> None:
    """Whatever stands before the host, or in the query, stays out, escaped or not."""
    url = f"amqp://user:{secret}@mq.internal:5672/emasai?password={secret}"

    assert public_address(url) in {
        "amqp://mq.internal:5672/emasai",
        "amqp://(an address that cannot be shown)",
    }


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://:pw@h/2", "redis://h/2"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("sentinel://a:1;sentinel://b:2", "sentinel://(an address that cannot be shown)"),
    ],
)
def test_what_is_not_secret_is_shown(url: str, text: str) -> None:
    """Host, port and path say where to look."""
    assert public_address(url) == text


def test_an_address_has_no_place_for_a_password() -> None:
    """Neither the text nor the repr of an address has it."""
    address = RedisAddress.parse("rediss://me:S3CRET@redis.internal:6380/2")

    assert str(address) == "redis.internal:6380/2"
    assert "S3CRET" not in repr(address)
    assert address.password
