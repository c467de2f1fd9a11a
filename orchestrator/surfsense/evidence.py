"""From SurfSense's payload to the evidence that agents judge. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from agents.case import Claim, ClaimField, Evidence
from orchestrator.surfsense.wire import (
    BARE_CONFIDENCE,
    CountDatum,
    Enrichment,
    HiringDatum,
    NewsDatum,
    Simulation,
    TextDatum,
)

_Valued = TextDatum | CountDatum | HiringDatum | NewsDatum


def evidence_from(company: str, payload: Mapping[str, object], purchased_at: datetime) -> Evidence:
    """Return what *payload* claims about *company*; unreadable fields claim nothing.

    Args:
        company: The name as it was asked for.
        payload: A `Found` answer's object, as stored.
        purchased_at: Aware UTC instant that dates the claims whose source gives none.
    """
    answer = Enrichment.model_validate(payload)
    claims = tuple(
        Claim(
            field=field,
            value=_value_of(datum),
            confidence=BARE_CONFIDENCE if datum.confidence is None else datum.confidence,
            source_url=datum.source_url,
            as_of=datum.as_of or purchased_at,
        )
        for field, datum in _data_of(answer)
    )
    return Evidence(company=company, claims=claims, simulated=answer.simulated)


def is_simulated(payload: Mapping[str, object]) -> bool:
    """Say whether *payload* says that it is invented, as `evidence_from` reads it."""
    return Simulation.model_validate(payload).simulated


def _value_of(datum: _Valued) -> str | int:
    if isinstance(datum, NewsDatum) and datum.category is not None:
        return f"{datum.category}: {datum.value}"
    return datum.value


def _data_of(answer: Enrichment) -> Iterator[tuple[ClaimField, _Valued]]:
    single: tuple[tuple[ClaimField, _Valued | None], ...] = (
        (ClaimField.SECTOR, answer.sector),
        (ClaimField.HEADCOUNT, answer.headcount),
        (ClaimField.SIZE_BAND, answer.size_band),
        (ClaimField.COUNTRY, answer.country),
        (ClaimField.WEBSITE, answer.website),
        (ClaimField.DESCRIPTION, answer.description),
    )
    yield from ((field, datum) for field, datum in single if datum is not None)
    yield from ((ClaimField.EMAIL, datum) for datum in answer.emails)
    yield from ((ClaimField.PHONE, datum) for datum in answer.phones)
    yield from ((ClaimField.SOCIAL, datum) for datum in answer.socials)
    yield from ((ClaimField.HIRING, datum) for datum in answer.hiring)
    yield from ((ClaimField.NEWS, datum) for datum in answer.news)
    yield from ((ClaimField.TECHNOLOGY, datum) for datum in answer.technologies)
