"""Judges what SurfSense's own API has answered: token, workspace, verbs, prices, credit. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from orchestrator.doctor.diagnosis import Diagnosis, fault, ok, warning
from orchestrator.doctor.surfsense_answers import KEY_FIX, Answers
from orchestrator.evidence.model import Step
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.surfsense.account import (
    UnusableWorkspace,
    Workspace,
    choose_workspace,
    is_workspace_id,
    read_workspaces,
)
from orchestrator.surfsense.capabilities import (
    LIST_PRICES,
    Capabilities,
    StepPrice,
    most_it_costs,
    read_capabilities,
)

#: Companies for which the credit should suffice.
ENOUGH: Final = 100

_CHECK: Final = "surfsense"
_AGAIN: Final = "Look at the service's own log, and run the doctor again in a minute."
_UPGRADE: Final = "Upgrade SurfSense to 0.0.35 or later, which has all verbs."
#: What an item of a step is.
_ITEM: Final = {Step.MAPS: "place", Step.SEARCH: "page", Step.CRAWL: "page", Step.JOBS: "job ad"}


def workspace_to_ask(answers: Answers, wanted: str | None) -> str | None:
    """Return the number of the workspace that purchases use; None if it cannot be told."""
    if wanted is not None and is_workspace_id(wanted):
        return wanted
    try:
        return str(choose_workspace(_listed(answers), wanted).id)
    except UnusableWorkspace:
        return None


def judge_workspace(answers: Answers, wanted: str | None, ceiling_micros: int) -> list[Diagnosis]:
    """Judge a service that should speak `workspace`; consequences of a fault are omitted.

    Args:
        answers: Those of the workspace, too, where its number is known.
        wanted: `SURFSENSE_WORKSPACE_ID`.
        ceiling_micros: What one company may cost.
    """
    refused = _judge_protocol(answers) or _judge_access(answers, wanted)
    if refused is not None:
        return [refused]
    name = f"workspace {workspace_to_ask(answers, wanted)}"
    workspace = ok(f"{_CHECK} workspace", f"{name} may be used")
    if not answers.capabilities.is_ok:
        what = f"the verbs of {name} cannot be read ({answers.capabilities.how})"
        credit = judge_credit(answers, wanted, LIST_PRICES, ceiling_micros)
        return [workspace, fault(f"{_CHECK} verbs", what, _AGAIN), credit]
    listed = answers.capabilities.body
    found = read_capabilities(listed if isinstance(listed, list) else [])
    if not found.offers:
        what = "this version has none of the verbs that purchases are made of"
        return [workspace, fault(f"{_CHECK} version", what, _UPGRADE)]
    return [
        workspace,
        *judge_verbs(found),
        *judge_prices(found, ceiling_micros),
        judge_credit(answers, wanted, found.prices, ceiling_micros),
    ]


def _listed(answers: Answers) -> list[Workspace]:
    body = answers.workspaces.body
    return read_workspaces(body if isinstance(body, list) else [])


def _judge_protocol(answers: Answers) -> Diagnosis | None:
    where, token = answers.where, answers.token
    if not (answers.is_surfsense or token.is_unavailable):
        what, fix = f"{where} has /enrich, and not SurfSense's own API", "SURFSENSE_PROTOCOL=enrich"
        if not answers.enrich.is_there:
            what = f"{where} does not have SurfSense's own API"
            fix = "SURFSENSE_URL to the origin of SurfSense"
        return fault(f"{_CHECK} protocol", what, f"Set {fix}.")
    if token.is_refused:
        return fault(f"{_CHECK} token", f"{where} refuses it ({token.status})", KEY_FIX)
    return None


def _judge_access(answers: Answers, wanted: str | None) -> Diagnosis | None:
    """Judge whether the workspace may be used; None where it may, or nothing is known of it."""
    answer, number = answers.capabilities, workspace_to_ask(answers, wanted)
    if number is None:
        return _judge_choice(answers, wanted)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            what = f"{answers.where} refuses it ({answer.status})"
            return fault(f"{_CHECK} token", what, KEY_FIX)
        case HTTPStatus.FORBIDDEN:
            return _judge_forbidden(answers, number)
        case HTTPStatus.NOT_FOUND if not answer.has_envelope:
            what = "this version cannot be bought from over its API"
            return fault(f"{_CHECK} version", what, _UPGRADE)
        case _:
            return None


def _judge_choice(answers: Answers, wanted: str | None) -> Diagnosis | None:
    """Judge why the workspace cannot be chosen from the list; None if it can."""
    check = f"{_CHECK} workspace"
    if not answers.workspaces.is_ok:
        what = f"workspaces cannot be listed ({answers.workspaces.how}), so none can be chosen"
        return fault(check, what, f"{_AGAIN} A number as SURFSENSE_WORKSPACE_ID needs no list.")
    try:
        choose_workspace(_listed(answers), wanted)
    except UnusableWorkspace as error:
        return fault(check, error.what, f"{error.fix[0].upper()}{error.fix[1:]}.")
    return None


def _judge_forbidden(answers: Answers, number: str) -> Diagnosis:
    check = f"{_CHECK} workspace"
    if "not enabled" in str(answers.capabilities.field("detail")):
        what = f"API access is switched off in workspace {number}"
        return fault(check, what, "Switch it on in the workspace's settings in SurfSense.")
    unusable = _judge_choice(answers, number) if answers.workspaces.is_ok else None
    what = f"the token has no access to workspace {number} (403)"
    fix = "Make the token's user a member of it, or set SURFSENSE_WORKSPACE_ID to another one."
    return unusable or fault(check, what, fix)


def judge_verbs(found: Capabilities) -> list[Diagnosis]:
    """Judge which steps can be bought, and how their verbs differ from what is used."""
    check = f"{_CHECK} verbs"
    diagnoses = [ok(check, f"{', '.join(found.offers)} can be bought")]
    for step, why in found.off.items():
        what = f"{why}; the step {step} is not bought"
        diagnoses.append(warning(check, what, _UPGRADE))
    for sentence in found.drift:
        fix = "Compare the two versions' release notes; what no longer arrives counts as unknown."
        diagnoses.append(warning(check, sentence, fix))
    return diagnoses


def judge_prices(found: Capabilities, ceiling_micros: int) -> list[Diagnosis]:
    """Judge the live prices by the list's, and by what one company may cost."""
    check, prices = f"{_CHECK} prices", found.prices
    if not any(price.item_micros for price in prices.values()):
        return [ok(check, "billing is switched off there")]
    told = [f"{price.item_micros:,} a {_ITEM[step]} ({step})" for step, price in prices.items()]
    diagnoses = [ok(check, f"{', '.join(told)}, in micro-USD")]
    for step, price in prices.items():
        listed = LIST_PRICES[step].item_micros
        if price.item_micros > listed:
            what = f"a {_ITEM[step]} ({step}) costs {price.item_micros:,} micro-USD, not {listed:,}"
            fix = "Check your caps and EMASAI_PRICE_MICROS: the live price is reserved and paid."
            diagnoses.append(warning(check, what, fix))
    cheapest = min(most_it_costs(step, prices) for step in prices)
    if cheapest > ceiling_micros:
        what = (
            f"a company may cost {ceiling_micros:,} micro-USD, and each step {cheapest:,} or more"
        )
        fix = f"Set EMASAI_PRICE_MICROS to at least {cheapest}, or nothing is bought."
        diagnoses.append(fault(check, what, fix))
    return diagnoses


def judge_credit(
    answers: Answers, wanted: str | None, prices: Mapping[Step, StepPrice], ceiling_micros: int
) -> Diagnosis:
    """Judge the credit by what one company costs at most, at *prices* and up to its ceiling.

    SurfSense starts no run whose worst case the credit does not cover.
    """
    check = f"{_CHECK} credit"
    most = min(sum(most_it_costs(step, prices) for step in prices), ceiling_micros)
    if not most:
        return ok(check, "not needed: billing is switched off there")
    number = workspace_to_ask(answers, wanted)
    ours = [each for each in _listed(answers) if str(each.id) == number]
    if answers.workspaces.is_ok and not any(each.is_owner for each in ours):
        # Only the owner can read that credit.
        return ok(check, "unknown: the workspace's owner pays")
    balance = answers.user.field("credit_micros_balance")
    if not isinstance(balance, int):
        return warning(check, f"cannot be read ({answers.user.how})", _AGAIN)
    what = (
        f"${balance / MICROS_PER_USD:,.4f} left, for {max(0, balance) // most:,} companies "
        f"at ${most / MICROS_PER_USD:.4f} each, at most"
    )
    fix = "Buy credit in SurfSense."
    if balance < most:
        return fault(check, what, fix)
    return ok(check, what) if balance >= ENOUGH * most else warning(check, what, fix)
