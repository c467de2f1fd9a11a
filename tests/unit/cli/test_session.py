"""Waiting for an unavailable backend: when, how long, and its notice."""

import pytest

from orchestrator.cli.session import Patience, patiently
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.redis_client import StoreFull, StoreRefused, StoreUnavailable
from orchestrator.jobs import NotNow
from orchestrator.memo import NotDurable


def _postponed(cause: Exception) -> NotNow:
    error = NotNow(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (StoreUnavailable("job job", "TimeoutError"), True),
        (DatabaseUnavailable("read the index"), True),
        (_postponed(StoreUnavailable("read")), True),
        (StoreRefused("job take", "READONLY"), True),
        (StoreRefused("job take", "NOPERM"), False),
        (StoreFull("job accept"), False),
        (NotDurable("confirm", "no replica had it"), False),
        (_postponed(StoreFull("begin")), False),
        (NotNow("the worker is shutting down"), False),
    ],
)
def test_only_temporary_errors_are_waited_for(error: Exception, *, waits: bool) -> None:
    """An error that needs a fix ends the command at once, with its own sentence."""
    patience = Patience()

    if waits:
        patience.bear(error)
    else:
        with pytest.raises(type(error)):
            patience.bear(error)


def test_waiting_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, in one sentence, however often it tries."""
    patience = Patience()
    for _ in range(3):
        patience.bear(StoreUnavailable("job job"))

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("is unavailable") == 1
    assert "bought" not in printed.err


def test_patience_ends_and_begins_again_after_a_success() -> None:
    """It is bounded, and counts from the last answer of a server."""
    patience = Patience(longest_s=-1)
    with pytest.raises(StoreUnavailable):
        patience.bear(StoreUnavailable("job job"))

    lasting = Patience(longest_s=1000)
    lasting.bear(StoreUnavailable("job job"))
    lasting.succeeded()
    lasting.bear(StoreUnavailable("job job"))


async def test_work_is_asked_for_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time anew, and its result is returned."""
    monkeypatch.setattr("orchestrator.cli.session.AGAIN_S", 0)
    answers: list[Exception | int] = [StoreUnavailable("read"), StoreUnavailable("read"), 7]

    async def work() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await patiently(work, Patience()) == 7
    assert answers == []
