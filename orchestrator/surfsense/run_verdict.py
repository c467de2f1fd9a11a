"""What a run that has ended means: an answer about a company, or an error. Pure."""

import re
from dataclasses import replace

from orchestrator.surfsense.errors import (
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    RunInterrupted,
    ServiceUnavailable,
)
from orchestrator.surfsense.run_wire import Run, RunStatus
from orchestrator.surfsense.search import payload_from
from orchestrator.surfsense.verdict import LONGEST_DETAIL, Answer, NotFound, answer_in

#: An asynchronous run keeps only the text of its error, in which a status may come first.
_STATUS = re.compile(r"(4\d\d)\b:?\s*")
#: Statuses by which a *source* turned the scraper away for now, not SurfSense the request.
_FOR_NOW = frozenset({403, 408, 425, 429})


def verdict_on_run(run: Run, *, company: str, price_micros: int) -> Answer:
    """Say what an ended *run* means for *company*.

    Args:
        run: Of any status but running.
        company: The name as it was asked for.
        price_micros: Cost of a success that does not tell its own.

    Raises:
        EnrichmentError: Of the class that says what to do.
    """
    if run.status is not RunStatus.SUCCESS:
        raise _failure(run, company)
    try:
        items = run.items()
    except ValueError as error:
        unusable = MalformedAnswer(company, "the run's items")
        unusable.cost_micros = run.cost_micros
        raise unusable from error
    estimated = run.cost_micros is None
    if not items:  # Google did not let SurfSense in: nothing is known, and nothing charged
        return NotFound(run.cost_micros or 0, estimated)
    cost_micros = price_micros if run.cost_micros is None else run.cost_micros
    answer = answer_in(payload_from(items, company), cost_micros)
    return replace(answer, cost_micros=cost_micros, cost_estimated=estimated)


def _failure(run: Run, company: str) -> EnrichmentError:
    if run.status is RunStatus.CANCELLED:
        return ServiceUnavailable(company, "the run was cancelled")
    if run.is_interrupted:
        return RunInterrupted(company, run.id)
    text = (run.error or "it gave no reason")[:LONGEST_DETAIL]
    status = _STATUS.match(text)
    if status is None or int(status[1]) in _FOR_NOW:
        return ServiceUnavailable(company, f"the run failed: {text}")
    return RequestRejected(company, int(status[1]), text[status.end() :])
