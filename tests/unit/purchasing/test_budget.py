"""Accounts and caps, without a server."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.purchasing import Account, Caps, Scope, accounts_of, run_account, scope_of

DAY = date(2026, 11, 23)


def test_a_purchase_has_an_account_in_every_scope() -> None:
    """The narrowest comes first, so that a refusal names the budget that is nearest."""
    accounts = accounts_of(tenant="north", day=DAY, job_id="j1")

    assert [scope_of(account) for account in accounts] == [
        (Scope.RUN, "j1"),
        (Scope.TENANT, "north"),
        (Scope.DAY, "2026-11-23"),
        (Scope.GLOBAL, ""),
    ]


def test_a_job_without_a_cap_has_no_account_of_its_own() -> None:
    """It would never be read."""
    assert Scope.RUN not in {scope_of(name)[0] for name in accounts_of(tenant="north", day=DAY)}


@given(tenant=st.text(min_size=1), job_id=st.text(min_size=1))
def test_whose_an_account_is_survives_any_name(tenant: str, job_id: str) -> None:
    """A tenant called `global`, or with colons in its name, has its own account."""
    accounts = accounts_of(tenant=tenant, day=DAY, job_id=job_id)

    assert len(set(accounts)) == 4
    assert [scope_of(account)[1] for account in accounts[:2]] == [job_id, tenant]


def test_the_settings_cap_each_scope_but_runs() -> None:
    """A run brings its cap along."""
    caps = Caps(tenant_micros=1, day_micros=2, global_micros=3)

    found = [caps.of(account) for account in accounts_of(tenant="north", day=DAY, job_id="j1")]

    assert found == [None, 1, 2, 3]


@pytest.mark.parametrize(
    ("state", "left", "past"),
    [
        (Account(None, 500, 500), None, False),
        (Account(100, 0, 0), 100, False),
        (Account(100, 40, 39), 21, False),
        (Account(100, 40, 40), 20, True),
        (Account(100, 140, 0), 0, True),
        (Account(0, 0, 0), 0, True),
    ],
)
def test_what_is_left(state: Account, left: int | None, past: bool) -> None:  # noqa: FBT001 - a table's column
    """What is held counts as used; the soft share includes its own limit."""
    assert state.left_micros == left
    assert state.is_past_soft_cap is past


def test_a_run_account_is_that_of_its_purchases() -> None:
    """The cap that a door sets is the one that a purchase meets."""
    assert run_account("j1") in accounts_of(tenant="north", day=DAY, job_id="j1")
