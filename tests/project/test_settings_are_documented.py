"""Every setting stands, with its default, where people look for it."""

import re
from datetime import timedelta

from orchestrator.settings import Settings
from tests.support.project import COMMAND_SETTINGS, compose, read

_ENV_LINE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_README_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| (.*?) \|", re.MULTILINE)

#: Asked for by docker-compose.yml alone.
_COMPOSE_ONLY = {"VALKEY_PASSWORD", "POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD"}
#: The seller's key and the webhook: only workers buy, and hand over.
_NOT_FOR_THE_API = {"SURFSENSE_API_KEY", "EMASAI_WEBHOOK_URL", "EMASAI_WEBHOOK_SECRET"}
#: Folders and levels of the `emasai` command, whose defaults are not in Settings.
_COMMAND_DEFAULTS = {"EMASAI_HOME": ".emasai", "EMASAI_CLI_LOG_LEVEL": "error"}


def _settings() -> dict[str, object]:
    """Return the default of each setting by its variable."""
    return {str(field.validation_alias): field.default for field in Settings.model_fields.values()}


def _as_text(default: object) -> str:
    match default:
        case timedelta():
            return f"{default.total_seconds():g}" if default.microseconds else _whole(default)
        case bool():
            return str(default).lower()
        case None:
            return ""
        case _:
            return str(default)


def _whole(duration: timedelta) -> str:
    return str(duration // timedelta(seconds=1))


def test_the_readme_explains_every_setting() -> None:
    """The README's table has every variable that is read, and no other."""
    documented = dict(_README_ROW.findall(read("README.md")))

    assert set(documented) == set(_settings()) | COMMAND_SETTINGS


def test_the_readme_tells_true_defaults() -> None:
    """A default of the README is the one that holds; one without a value is put in words."""
    documented = dict(_README_ROW.findall(read("README.md")))

    for variable, default in _settings().items():
        shown = documented[variable].strip("`")
        assert shown == _as_text(default) or " " in shown or shown in {"required", "none"}, variable


def test_the_example_has_every_setting_with_its_default() -> None:
    """`.env.example` has every variable that is read, once, and tells its default."""
    lines = _ENV_LINE.findall(read(".env.example"))
    documented = dict(lines)

    assert len(lines) == len(documented)
    assert set(documented) == set(_settings()) | COMMAND_SETTINGS | _COMPOSE_ONLY
    # What must be filled in, and what Compose sets, has an example instead of a default.
    defaults = {
        name: _as_text(default)
        for name, default in (_settings() | _COMMAND_DEFAULTS).items()
        if not name.endswith("_URL")
    }
    assert {name: documented[name] for name in defaults} == defaults


def test_the_example_explains_every_setting() -> None:
    """In `.env.example` a sentence stands over every variable."""
    lines = read(".env.example").splitlines()

    for before, line in zip(["", *lines], lines, strict=False):
        if _ENV_LINE.match(line):
            assert re.match(r"# .*\w", before) or before == "#   EMASAI_SIMULATED=true", line


def test_compose_hands_every_setting_on() -> None:
    """A setting in .env reaches worker and API, and a secret only the one that uses it."""
    services = compose()["services"]

    assert set(services["api"]["environment"]) == set(_settings()) - _NOT_FOR_THE_API
    assert set(services["upgrade"]["environment"]) == {"DATABASE_URL", "DATABASE_OWNER_URL"}
    assert set(services["worker"]["environment"]) == set(_settings()) - {
        *("EMASAI_API_KEY", "EMASAI_API_KEYS"),
    }
