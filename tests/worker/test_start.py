"""A worker that cannot work does not begin to listen: what it took would be lost."""

from collections.abc import Iterator

import pytest

from orchestrator.messaging.app import QUEUE_PIPELINE
from tests.support.site import Site, new_company, site_of


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a site without a worker that takes its messages."""
    with site_of(tmp_path_factory.mktemp("site")) as site:
        site.enrich(new_company())
        yield site


@pytest.mark.parametrize(
    ("name", "options", "variables", "words"),
    [
        (
            "no-database",
            (),
            {"DATABASE_URL": "postgresql://me:S3CRET@127.0.0.1:9/x"},
            "the database is not available",
        ),
        (
            "old-database",
            (),
            {"DATABASE_URL": "sqlite:///nowhere.sqlite"},
            "no tables yet, this program needs revision",
        ),
        (
            "unknown-option",
            (),
            {"DATABASE_URL": "postgresql://me:S3CRET@127.0.0.1:9/x?pool_size=5"},
            "PostgreSQL has no option pool_size",
        ),
        ("no-policy", (), {"EMASAI_POLICY_FILE": "nowhere.toml"}, "nowhere.toml cannot be read"),
        ("other-pool", ("--pool", "solo"), {}, "--pool threads"),
    ],
)
def test_a_worker_that_cannot_work_ends_at_once(
    site: Site, name: str, options: tuple[str, ...], variables: dict[str, str], words: str
) -> None:
    """With 1 and the reason in one line; what waits for it goes on waiting."""
    member = site.crew.start(name, *options, **variables)

    assert member.exit_code() == 1
    (line,) = member.events("worker.not_started")
    assert words in line["reason"]
    assert "S3CRET" not in member.log.read_text("utf-8")
    assert "Traceback" not in member.log.read_text("utf-8")
    assert site.waiting(QUEUE_PIPELINE) == 1


def test_a_worker_without_its_settings_ends_and_names_them(site: Site) -> None:
    """With 2, as every command that is used wrongly."""
    member = site.crew.start("no-settings", SURFSENSE_URL="", REDIS_URL="http://x")

    assert member.exit_code() == 2
    log = member.log.read_text("utf-8")
    assert "SURFSENSE_URL is not set" in log
    assert "REDIS_URL: must start with" in log
