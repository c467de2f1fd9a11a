"""Values as settings give them: durations in seconds, caps in micro-USD, conditions."""

import re
from datetime import timedelta
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
)

T = TypeVar("T")


def _seconds(value: object) -> object:
    """Read a number of seconds; pydantic alone takes text for an ISO 8601 duration."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        # From None: the foreign message quotes the value, which may be another variable's.
        raise ValueError("must be a number of seconds") from None


Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
NotNegativeSeconds = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0))]


def _is_there_for_workspace(value: T | None, info: ValidationInfo) -> T | None:
    if value is None and info.data.get("surfsense_protocol") == "workspace":
        raise ValueError("is not set, and SURFSENSE_PROTOCOL=workspace needs it")
    return value


def _fits_a_header(secret: SecretStr) -> SecretStr:
    if re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value()) is None:
        raise ValueError("must be ASCII without spaces, to be sent in a header")
    return secret


BearerToken = Annotated[SecretStr, AfterValidator(_fits_a_header)]

# Redis reckons in doubles, which are exact up to 2**53.
Cap = Annotated[int, Field(ge=0, lt=2**53)] | None

# In the API's paths, so it must be nothing that leads elsewhere.
WorkspaceId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
NeededByWorkspace = AfterValidator(_is_there_for_workspace)
