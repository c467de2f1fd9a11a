"""Every finding has a phrase in both languages."""

import pytest

from agents.cdao import Finding, FindingName, Sector, SizeBand
from agents.cdao.assessment import clause
from agents.cdao.findings import Params

_PARAMS: Params = {
    "sector": "retail",
    "size": "51-200",
    "country": "ES",
    "open_positions": 2,
    "technologies": ["SAP"],
    "website": "acme.example",
}
_NEVER_LISTED = {
    # Arithmetic, and findings whose code has a sentence of its own.
    *(FindingName.BASELINE, FindingName.CLAMP, FindingName.STALE_EVIDENCE),
    *(FindingName.OUR_DOMAIN, FindingName.COMPETITOR_DOMAIN),
}


def _clauses(finding: Finding) -> tuple[str, str]:
    return clause(finding, "en"), clause(finding, "es")


@pytest.mark.parametrize("name", sorted(set(FindingName) - _NEVER_LISTED))
def test_every_finding_has_a_clause(name: FindingName) -> None:
    """No finding makes a sentence fail, or leaves a code word or placeholder in it."""
    finding = Finding(name=name, points=1, params=_PARAMS)

    english, spanish = _clauses(finding)

    assert not {"{", "_"} & {*english, *spanish}
    assert english != spanish


@pytest.mark.parametrize("sector", list(Sector))
def test_every_sector_has_a_name(sector: Sector) -> None:
    """Sectors have a phrase in both languages."""
    finding = Finding(name=FindingName.SECTOR_FIT, points=1, params={"sector": sector.value})

    english, spanish = _clauses(finding)

    assert english.startswith("works in ")
    assert spanish.startswith("pertenece al sector ")


@pytest.mark.parametrize("band", list(SizeBand))
def test_every_size_is_said_in_words(band: SizeBand) -> None:
    """Sizes read as numbers of people."""
    finding = Finding(name=FindingName.SIZE_FIT, points=1, params={"size": band.value})

    english, spanish = _clauses(finding)

    assert english.startswith("employs ")
    assert english.endswith(" people")
    assert "empleados" in spanish
