"""Keys and kinds: which prefix means what, and which patterns reach paid results."""

import pytest

from orchestrator.cache.keys import (
    Kind,
    dashboard_key,
    kind_of,
    lead_key,
    names_results,
    oportunidad_key,
    session_key,
)
from orchestrator.identity import entry_key


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (lead_key("1"), Kind.LEAD),
        (oportunidad_key("1"), Kind.OPORTUNIDAD),
        (entry_key("acme"), Kind.SURFSENSE),
        (dashboard_key("ventas"), Kind.DASHBOARD),
        (session_key("t"), Kind.SESSION),
        ("leads:1", Kind.OTHER),
        ("memo1:lease:surfsense:acme", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_a_key_s_kind_is_read_from_its_documented_prefix(key: str, kind: Kind) -> None:
    """Every builder's key is recognised again; what only looks alike is of no kind."""
    assert kind_of(key) is kind


def test_the_documented_keys_are_as_documented() -> None:
    """Other services build the same keys by hand: these must never change."""
    built = [lead_key("AB"), oportunidad_key("AB"), entry_key("acme"), session_key("Ab")]

    assert built == ["lead:ab", "oportunidad:ab", "surfsense:acme", "user:session:Ab"]


@pytest.mark.parametrize("pattern", ["*", "", "s*", "surf*", "?urfsense:*", "lead:*", "memo1:*"])
def test_a_pattern_that_does_not_name_results_does_not_mean_them(pattern: str) -> None:
    """Nothing that was paid for goes by accident."""
    assert not names_results(pattern)
