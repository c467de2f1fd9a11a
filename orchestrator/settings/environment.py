"""How settings are taken from the environment: without what surrounds them, or not at all.

Mounted secrets end with a line end, and files of some editors begin with a byte order mark. A key
or an address that keeps either fails later, at the first request, with whatever its client says.
"""

from typing import Any

from pydantic import ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from orchestrator.infra.bounds import has_control_characters

_BYTE_ORDER_MARK = "\ufeff"
#: Addresses of files, which may have spaces.
_OF_FILES = ("sqlite", "unix:")


def stripped(text: str) -> str:
    r"""Return *text* without surrounding white space, line ends and byte order marks.

    >>> stripped("\ufeffsk-abc\r\n")
    'sk-abc'
    """
    return text.strip().strip(_BYTE_ORDER_MARK).strip()


class _Environment(EnvSettingsSource):
    """The environment; a variable that is blank counts as unset."""

    def __call__(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in super().__call__().items()
            if not isinstance(value, str) or stripped(value)
        }


class EnvironmentSettings(BaseSettings):
    """Settings by the names of their variables. Frozen."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, env_ignore_empty=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from: the overrides, then the environment."""
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, _Environment(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _whole(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        text = stripped(value)
        if has_control_characters(text) or not _is_text(text):
            raise ValueError("has a control character, or is not text in UTF-8; write it anew")
        is_address = (info.field_name or "").endswith("_url") and not text.startswith(_OF_FILES)
        if is_address and any(map(str.isspace, text)):
            raise ValueError("has a space or a line end inside; write it percent-encoded (%20)")
        return text


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
