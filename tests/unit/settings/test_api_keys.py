"""The keys of the HTTP API as settings: what each may do, and what is no key."""

import pytest

from orchestrator.settings import ApiScope, ConfigurationError, Settings, load

KEY, OTHER = "k" * 16, "o" * 24


def loaded(**variables: str) -> Settings:
    """Return the settings of an installation with *variables*."""
    return load(
        REDIS_URL="redis://localhost/1",
        DATABASE_URL="sqlite:///x",
        SURFSENSE_URL="http://localhost:9",
        **variables,
    )


def test_one_key_does_everything_for_everybody() -> None:
    """What surrounds it is no part of it: mounted secrets often end a line."""
    (key,) = loaded(EMASAI_API_KEY=f" {KEY}\n").api_keys

    assert key.secret.get_secret_value() == KEY
    assert (key.scopes, key.tenant) == (frozenset(ApiScope), None)


def test_further_keys_have_scopes_and_perhaps_a_tenant() -> None:
    """One entry each, separated by blanks, commas or line ends."""
    settings = loaded(
        EMASAI_API_KEY=KEY,
        EMASAI_API_KEYS=f"metrics={'m' * 16}, read+work@acme={OTHER}=\n work={'w' * 16}",
    )

    found = [
        (key.secret.get_secret_value(), set(key.scopes), key.tenant) for key in settings.api_keys
    ]
    assert found == [
        (KEY, {"metrics", "read", "work"}, None),
        ("m" * 16, {"metrics"}, None),
        (f"{OTHER}=", {"read", "work"}, "acme"),
        ("w" * 16, {"work"}, None),
    ]
    assert KEY not in repr(settings)
    assert OTHER not in repr(settings)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_key_is_none(blank: str) -> None:
    """Or every caller would have it."""
    assert loaded(EMASAI_API_KEY=blank, EMASAI_API_KEYS=blank).api_keys == ()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("EMASAI_API_KEY", "x", "must have at least 16 characters"),
        ("EMASAI_API_KEY", "secret secret secret", "must be without blanks"),
        ("EMASAI_API_KEYS", "secret-secret-secret", "number 1) that is not"),
        ("EMASAI_API_KEYS", f"read={KEY} spend={OTHER}", "number 2) that is not"),
        ("EMASAI_API_KEYS", f"read@a:b={OTHER}", "number 1) that is not"),
        ("EMASAI_API_KEYS", f"read@={OTHER}", "number 1) that is not"),
        ("EMASAI_API_KEYS", f"+read={OTHER}", "number 1) that is not"),
        ("EMASAI_API_KEYS", "read=secret", "whose key must have at least 16 characters"),
        ("EMASAI_API_KEYS", f"metrics@acme={OTHER}", "a tenant and the scope metrics"),
        ("EMASAI_API_KEYS", f"read={OTHER} work={OTHER}", "the same key twice"),
    ],
)
def test_what_is_no_key_is_refused_at_the_start(name: str, value: str, problem: str) -> None:
    """In one sentence that never quotes it."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(**{name: value})

    (sentence,) = raised.value.problems
    assert sentence.startswith(f"{name}: ")
    assert problem in sentence
    assert "secret" not in sentence
    assert OTHER not in sentence
