"""Every setting is documented, with its default, and handed on by Compose."""

from orchestrator.settings import DatabaseSettings, Settings
from tests.support.project import compose, read
from tools.configuration import all_settings, example, page

#: The seller's key and the webhook: only workers buy, and hand over.
_NOT_FOR_THE_API = {"SURFSENSE_API_KEY", "EMASAI_WEBHOOK_URL", "EMASAI_WEBHOOK_SECRET"}


def _variables(model: type[Settings | DatabaseSettings]) -> set[str]:
    return {str(field.validation_alias) for field in model.model_fields.values()}


def test_the_page_and_the_example_are_generated() -> None:
    """`python -m tools.configuration` changes nothing."""
    assert page() == read("docs/configuration.md")
    assert example() == read(".env.example")


def test_settings_are_few() -> None:
    """A new setting takes the place of one that no installation turns."""
    assert len(all_settings()) <= 35


def test_compose_hands_every_setting_on() -> None:
    """A setting in .env reaches worker and API, and a secret only the one that uses it."""
    services = compose()["services"]

    assert set(services["api"]["environment"]) == _variables(Settings) - _NOT_FOR_THE_API
    assert set(services["upgrade"]["environment"]) == _variables(DatabaseSettings)
    assert set(services["worker"]["environment"]) == _variables(Settings) - {
        *("EMASAI_API_KEY", "EMASAI_API_KEYS"),
    }
