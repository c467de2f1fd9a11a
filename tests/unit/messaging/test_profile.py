"""The Celery profile: Celery and kombu know what is in it, and people can read it."""

import inspect
import re
import subprocess
import sys

from celery.app.defaults import DEFAULTS
from kombu import Connection
from kombu.transport.redis import Channel

from orchestrator.messaging import PROFILE, TRANSPORT, Rule, create_app, fingerprint
from orchestrator.settings import Settings
from tests.support.project import ROOT, read

_ROW = re.compile(r"^\| `(\w+)` \| `(.+?)` \| (.+?) \|$", re.MULTILINE)
#: Celery's own note on what it was given.
ADDED_BY_CELERY = {"deprecated_settings"}
#: Options by which kombu connects again, whatever the transport.
RECONNECTING = {"max_retries", "interval_start", "interval_step", "interval_max"}
APP = create_app(
    Settings.model_validate(
        {
            "REDIS_URL": "redis://localhost:6379",
            "DATABASE_URL": "sqlite:///unused.sqlite",
            "SURFSENSE_URL": "http://localhost:1",
        }
    )
)


def test_celery_knows_every_setting_of_the_profile() -> None:
    """A misspelt setting, which Celery would ignore without a word, is found here."""
    ours = set(APP.conf.changes or ()) - ADDED_BY_CELERY

    assert {rule.name for rule in PROFILE} < ours
    assert ours <= set(DEFAULTS)


def test_kombu_knows_every_option_of_the_transport() -> None:
    """A misspelt option, which kombu would ignore without a word, is found here."""
    assert set(inspect.signature(Connection.ensure).parameters) > RECONNECTING

    known = RECONNECTING | set(Channel.from_transport_options)
    assert {rule.name for rule in TRANSPORT} <= known


def test_what_the_profile_says_is_what_holds() -> None:
    """The application has every value, and nothing overrules one."""
    assert {rule.name: APP.conf[rule.name] for rule in PROFILE} == _values(PROFILE)
    assert APP.conf.broker_transport_options == _values(TRANSPORT)


def test_every_setting_has_its_reason_and_stands_in_the_documentation() -> None:
    """`docs/operations.md` has one row a setting, in the profile's order and words."""
    _, _, text = read("docs/operations.md").partition("\n## Celery's profile\n")
    table = _ROW.findall(text.partition("\n## ")[0])

    assert table == [_row(rule) for rule in (*PROFILE, *TRANSPORT)]


def test_a_worker_never_gives_its_broker_up() -> None:
    """Neither at its start nor later, however long the broker is unavailable."""
    assert APP.conf.broker_connection_retry_on_startup
    assert APP.conf.broker_connection_retry
    assert APP.conf.broker_connection_max_retries is None


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    """It depends on the profile alone, not on the settings, the machine or the process."""
    told = "from orchestrator.messaging import fingerprint; print(fingerprint())"
    other = subprocess.run([sys.executable, "-c", told], cwd=ROOT, stdout=-1, check=True)

    assert other.stdout.decode().strip() == fingerprint()


def _values(rules: tuple[Rule, ...]) -> dict[str, object]:
    return {rule.name: rule.value for rule in rules}


def _row(rule: Rule) -> tuple[str, str, str]:
    base = "https://github.com/celery/celery/issues/"
    thread = rule.thread.removeprefix("#")
    said = f" ([celery#{thread}]({base}{thread}))" if thread else ""
    return rule.name, str(rule.value), f"{rule.reason}{said}"
