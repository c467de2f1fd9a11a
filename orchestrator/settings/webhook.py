"""The secret that signs what the sales agent is sent."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, SecretStr, ValidationInfo

#: How a secret may begin, as tools for the Standard Webhooks convention write it.
_PREFIX = "whsec_"
#: Bytes that it must have at least.
_SHORTEST = 24


def webhook_key(secret: SecretStr) -> bytes:
    """Return the bytes of a secret.

    Raises:
        ValueError: Not base64, or shorter than 24 bytes. The message never quotes it.
    """
    text = secret.get_secret_value().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _SHORTEST:
        # From None: the foreign message may tell about the secret.
        problem = "must be base64 of at least 24 bytes; `openssl rand -base64 32` makes one"
        raise ValueError(problem) from None
    return key


def _is_fit(secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if secret is not None:
        webhook_key(secret)
    elif info.data.get("webhook_url") is not None:
        raise ValueError("is not set, and EMASAI_WEBHOOK_URL needs it")
    return secret


WebhookSecret = Annotated[SecretStr | None, AfterValidator(_is_fit)]
