"""Which failed items are worth a retry."""

from collections.abc import Iterator

import pytest

from orchestrator.handlers import Retry, retry_of
from orchestrator.jobs import DeadLetter, JobKind
from orchestrator.surfsense import EnrichmentError

#: What charged nothing, and needs no fix.
WORTH_IT = {
    *("transient_failure", "service_unavailable", "not_sent", "rate_limited"),
    *("run_interrupted", "source_refused", "deadline", "lead_changed"),
}


def _codes(family: type[EnrichmentError]) -> Iterator[str]:
    yield family.code
    for member in family.__subclasses__():
        yield from _codes(member)


@pytest.mark.parametrize("code", sorted({*_codes(EnrichmentError), *DeadLetter, "of_tomorrow"}))
def test_only_what_may_go_well_and_costs_nothing_extra_is_retried_unasked(code: str) -> None:
    """A code that may have been charged, kills workers or is unknown must be named."""
    expected = Retry.NOW if code in WORTH_IT else Retry.NAMED

    assert retry_of(JobKind.ENRICH, code) is expected


def test_the_schedule_looks_after_its_own() -> None:
    """A watch runs again by itself, without a retry."""
    assert retry_of(JobKind.REFRESH, "rate_limited") is Retry.SCHEDULE
