"""The summary of a run: its counts, its sentence and its exit code."""

import io

import pytest
from rich.console import Console

from orchestrator.cli.console import Exit, figures
from orchestrator.cli.summary import Summary, summarize, summary_lines, verdict
from orchestrator.handlers import CompanyResult, ItemStatus
from orchestrator.memo import Source

PRICE = 46_500


def found(company: str, source: Source) -> CompanyResult:
    """Return the result of a company that was found by way of *source*."""
    return CompanyResult(
        status=ItemStatus.ENRICHED,
        company=company,
        company_key=company.lower(),
        source=source,
        found=True,
        cost_micros=PRICE if source is Source.BOUGHT else 0,
        saved_micros=0 if source is Source.BOUGHT else PRICE,
    )


def failed(company: str, code: str, uncertain_micros: int = 0) -> CompanyResult:
    """Return the result of a company that has failed with *code*."""
    return CompanyResult(
        status=ItemStatus.FAILED,
        company=company,
        company_key=company.lower(),
        code=code,
        uncertain_micros=uncertain_micros,
    )


def summary_of(*results: CompanyResult, pending: int = 0) -> Summary:
    """Return what *results* come to, with *pending* items that have none."""
    items = len(results) + pending
    return summarize(results, rows=items, items=items)


def test_a_lost_company_counts_once_however_many_leads_it_has() -> None:
    """The possible cost of one purchase is not counted for each lead; paid amounts are separate."""
    summary = summary_of(
        failed("Acme", "answer_lost", PRICE),
        failed("Acme", "answer_lost", PRICE),
        failed("Beta", "answer_lost", PRICE),
        failed("Gamma", "malformed_answer", 2 * PRICE),
        failed("Delta", "service_unavailable"),
        found("Epsilon", Source.BOUGHT),
    )

    assert (summary.lost, summary.uncertain_micros) == (3, 4 * PRICE)
    assert summary.spent_micros == PRICE
    assert summary.exit_code is Exit.PARTLY
    said = summary.as_json()
    assert (said["answers_lost"], said["uncertain_micros"]) == (3, 4 * PRICE)


def test_a_loss_is_reported_with_its_amount_and_the_command_that_buys_again() -> None:
    """The command names the reasons that there are, and no others."""
    lost, malformed = failed("Acme", "answer_lost", PRICE), failed("Beta", "malformed_answer")

    one, both = verdict(summary_of(lost)), verdict(summary_of(lost, malformed))

    assert one.startswith("Companies without a usable answer: 1. They may have been charged,")
    assert one.endswith(" emasai jobs requeue --reason answer_lost.")
    assert both.endswith(" --reason answer_lost --reason malformed_answer.")
    assert "uncertain            $0.0465" in shown(summary_of(lost))
    assert "uncertain" not in shown(summary_of(found("Acme", Source.BOUGHT)))


def test_a_run_without_purchases_says_so() -> None:
    """All were fresh, or shared a purchase of another caller."""
    summary = summary_of(found("Acme", Source.HIT), found("Beta", Source.COALESCED))

    assert verdict(summary) == "Nothing was bought: all 2 companies were known already."
    assert summary.exit_code is Exit.DONE


@pytest.mark.parametrize(
    "others",
    [
        [found("Beta", Source.BOUGHT)],
        [found("Beta", Source.ADOPTED)],
        [found("Beta", Source.STALE)],
        [failed("Beta", "answer_lost", PRICE)],
        [failed("Beta", "service_unavailable")],
        [failed("Beta", "malformed_answer")],
    ],
)
def test_nothing_was_bought_is_not_said_where_it_may_be_false(others: list[CompanyResult]) -> None:
    """Something was bought, adopted from a dead buyer, or may have been charged; or is unknown."""
    assert "Nothing was bought" not in verdict(summary_of(found("Acme", Source.HIT), *others))


def test_nothing_was_bought_is_not_said_before_the_end_or_without_lookups() -> None:
    """Pending items may still be bought."""
    assert verdict(summary_of(found("Acme", Source.HIT), pending=1)) == ""
    assert verdict(summary_of()) == ""


def shown(summary: Summary) -> str:
    """Return the table of *summary* as it is printed."""
    console = Console(file=io.StringIO(), width=120)
    with console.capture() as printed:
        console.print(figures(summary_lines(summary, "companies")))
    return printed.get()
