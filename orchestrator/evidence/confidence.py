"""Decides how far each value is believed: a status by a small rule, and a number from a table.

The rule counts independent sources, and the table (`data/confidence.toml`) has one number for each
method and status; `docs/evidence.md` shows how they were measured. Pure; the order of what comes in
changes nothing.
"""

import tomllib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from agents.case import ClaimField
from agents.cdao.vocabulary import size_band_of
from orchestrator.evidence.hosts import host_of, registrable
from orchestrator.evidence.model import Method, Observed


class Status(StrEnum):
    """How well a value is supported, the best first. The values are part of stored answers."""

    VERIFIED = "verified"
    CORROBORATED = "corroborated"
    SINGLE_SOURCE = "single_source"
    CONFLICTING = "conflicting"


#: Fields of which a company has one, so that two different values contradict each other.
EXCLUSIVE: Final = frozenset(
    {
        ClaimField.SECTOR,
        ClaimField.HEADCOUNT,
        ClaimField.SIZE_BAND,
        ClaimField.COUNTRY,
        ClaimField.WEBSITE,
        ClaimField.TAX_ID,
    }
)
#: A company has one, but two texts about it do not contradict each other.
SINGLE: Final = EXCLUSIVE | {ClaimField.DESCRIPTION}

#: Methods that conclude instead of reading: no page of the company states the value itself, so one
#: page alone, even of its own site, does not verify it.
_INFERRING: Final = frozenset({Method.WORD_LIST, Method.MAPS_CATEGORY})
_INDEPENDENT: Final = 2
_MOST_ALTERNATIVES: Final = 5
_STATUSES: Final = tuple(Status)

_Share = Annotated[float, Field(ge=0, le=1)]
_TABLE: Final = TypeAdapter(dict[Method, dict[Status, _Share]])


@dataclass(frozen=True, slots=True)
class Statement:
    """A value with what its weight depends on.

    Attributes:
        observed: The value, grounded in its source.
        origin: Who states it: two statements of one origin are one source. The registrable domain
            of a web page, or the name of the step for Maps and job boards.
        is_own_site: Whether it is on the company's own site.
        is_proof: Whether the page alone verifies what it states literally: it is on the domain that
            the lead itself uses, or (of a tax id) it names the company.
    """

    observed: Observed
    origin: str
    is_own_site: bool = False
    is_proof: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A value with its status and confidence (0 to 1).

    Attributes:
        field: What it is about.
        value: As the best of its sources writes it.
        status: How well it is supported.
        confidence: From the table.
        best: The statement that is shown: quote, source and date are its.
        support: All that state this value, the best first.
        alternatives: What others state instead, the best supported first.
    """

    field: ClaimField
    value: str | int
    status: Status
    confidence: float
    best: Statement
    support: tuple[Statement, ...]
    alternatives: tuple[str | int, ...] = ()


def judge(statements: Iterable[Statement]) -> dict[ClaimField, tuple[Judged, ...]]:
    """Return the values of each field, the most believed first; of a `SINGLE` field only one."""
    groups: dict[tuple[ClaimField, Hashable], list[Statement]] = defaultdict(list)
    for statement in statements:
        observed = statement.observed
        groups[observed.field, same(observed.field, observed.value)].append(statement)
    fields: dict[ClaimField, list[Judged]] = defaultdict(list)
    for (field, _), group in groups.items():
        fields[field].append(_judge_alone(field, group))
    return {field: _rank_values(field, fields[field]) for field in ClaimField if field in fields}


def confidence_of(method: Method, status: Status) -> float:
    """Return the table's number."""
    return _table()[method][status]


def same(field: ClaimField, value: str | int) -> Hashable:
    """Return what all writings of one value of *field* share."""
    match field, value:
        case ClaimField.HEADCOUNT, int() if value > 0:
            # "about 60" and 64 say the same; what matters is the size.
            return size_band_of(value)
        case ClaimField.WEBSITE, str() if host := host_of(value):
            return registrable(host)
        case ClaimField.SOCIAL, str():
            return _bare_address(value)
        case ClaimField.TAX_ID | ClaimField.PHONE, str():
            return "".join(char for char in value.casefold() if char.isalnum()) or value
        case _, str():
            return " ".join(value.casefold().split())
        case _:
            return value


def _bare_address(url: str) -> str:
    address = url.casefold().partition("?")[0].partition("#")[0].rstrip("/")
    return address.partition("//")[2].removeprefix("www.") or address


@cache
def _table() -> Mapping[Method, Mapping[Status, float]]:
    """Read the table; a number for each method and status must be there."""
    text = resources.files(__package__).joinpath("data/confidence.toml").read_text(encoding="utf-8")
    table = _TABLE.validate_python(tomllib.loads(text))
    missing = [
        f"{method}.{status}"
        for method in Method
        for status in Status
        if status not in table.get(method, {})
    ]
    if missing:
        raise ValueError(f"confidence.toml has no number for {', '.join(missing)}")
    return table


def _judge_alone(field: ClaimField, group: list[Statement]) -> Judged:
    """Judge the statements of one value as if no other value were stated."""
    status = _status_of(group)
    support = tuple(sorted(group, key=lambda one: (-_number(one, status), _order(one))))
    best = support[0]
    return Judged(field, best.observed.value, status, _number(best, status), best, support)


def _status_of(group: list[Statement]) -> Status:
    if any(one.is_proof and one.observed.method not in _INFERRING for one in group):
        return Status.VERIFIED
    if len({one.origin for one in group}) < _INDEPENDENT:
        return Status.SINGLE_SOURCE
    is_own = any(one.is_own_site for one in group)
    return Status.VERIFIED if is_own else Status.CORROBORATED


def _number(statement: Statement, status: Status) -> float:
    number = confidence_of(statement.observed.method, status)
    own = statement.observed.confidence
    # A second source makes up for a method that is unsure of one text.
    is_alone = status in {Status.SINGLE_SOURCE, Status.CONFLICTING}
    return number if own is None or not is_alone else min(number, own)


def _order(statement: Statement) -> tuple[bool, str]:
    """Prefer the company's own site; the rest only makes ties come out the same each time."""
    return not statement.is_own_site, repr(statement)


def _rank_values(field: ClaimField, values: list[Judged]) -> tuple[Judged, ...]:
    ranked = sorted(values, key=_rank)
    if field not in SINGLE:
        return tuple(ranked)
    best, *others = ranked
    return (_lower_if_contested(best, others) if others and field in EXCLUSIVE else best,)


def _rank(judged: Judged) -> tuple[int, float, int, str]:
    return (
        _STATUSES.index(judged.status),
        -judged.confidence,
        -len(judged.support),
        repr(same(judged.field, judged.value)),
    )


def _lower_if_contested(best: Judged, others: list[Judged]) -> Judged:
    """Lower *best* for what others state: by one step if all of them are weaker, else fully."""
    step = _STATUSES[_STATUSES.index(best.status) + 1]
    status = step if all(_is_weaker(other, best) for other in others) else Status.CONFLICTING
    alternatives = tuple(other.value for other in others[:_MOST_ALTERNATIVES])
    return replace(
        best, status=status, confidence=_number(best.best, status), alternatives=alternatives
    )


def _is_weaker(other: Judged, best: Judged) -> bool:
    """Return whether *other* has less support, or is what the same source states less clearly."""
    if _STATUSES.index(other.status) > _STATUSES.index(best.status):
        return True
    origins, own = ({one.origin for one in judged.support} for judged in (other, best))
    return origins <= own and other.confidence < best.confidence
