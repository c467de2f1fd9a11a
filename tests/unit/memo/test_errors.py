"""The memo's errors, as they cross from process to process."""

import pytest

from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import CorruptEntry, LeaseLost, LoadFailed, MemoError, NotDurable

ERRORS = [
    NotDurable("confirm", "no replica had it"),
    LeaseLost("surfsense:acme"),
    LoadFailed("surfsense:acme", "KeyError"),
    CorruptEntry("surfsense:acme", "not JSON"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_rebuilt_from_its_arguments(error: Exception) -> None:
    """`cls(*args)` gives the same error: what JSON and Celery keep is enough."""
    again = type(error)(*error.args)

    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert isinstance(error, MemoError | StoreUnavailable)
