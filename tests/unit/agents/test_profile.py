"""A profile holds the most trusted claim of each kind, with its source and age."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agents.case import Claim, ClaimField
from tests.unit.agents.builders import NOW, claim, lead, profile_of

_BOGOTA = timezone(timedelta(hours=-5))


def test_a_fact_keeps_its_source_and_age() -> None:
    """Value, confidence, source and as-of of the claim are all there."""
    retail = claim("sector", "retail", confidence=0.8, days_old=3, url="https://a.example")

    sector = profile_of(retail).sector

    assert sector is not None
    assert (sector.value, sector.confidence, sector.trust) == ("retail", 0.8, 0.8)
    assert (sector.source_url, sector.as_of) == ("https://a.example", NOW - timedelta(days=3))


def test_the_more_confident_claim_wins() -> None:
    """Confidence decides first, whatever is newer."""
    sector = profile_of(
        claim("sector", "retail", confidence=0.9, days_old=30),
        claim("sector", "energy", confidence=0.8),
    ).sector

    assert sector is not None
    assert sector.value == "retail"


@pytest.mark.parametrize(("older", "newer"), [("retail", "energy"), ("energy", "retail")])
def test_equally_confident_claims_are_decided_by_recency(older: str, newer: str) -> None:
    """Of two claims as good as each other the newer is believed."""
    sector = profile_of(
        claim("sector", older, days_old=30), claim("sector", newer, days_old=29)
    ).sector

    assert sector is not None
    assert sector.value == newer


@pytest.mark.parametrize(
    "claims",
    [
        (claim("sector", "retail"), claim("sector", "energy")),
        (claim("sector", "retail"), claim("sector", "retail", url="https://z.example")),
        (claim("sector", "retail"), claim("sector", "retail", now=NOW.astimezone(_BOGOTA))),
        # Both so old that neither is trusted.
        (
            claim("sector", "retail", confidence=0.9, days_old=3000),
            claim("sector", "retail", confidence=0.8, days_old=3000),
        ),
    ],
)
def test_ties_come_out_the_same_in_any_order(claims: tuple[Claim, ...]) -> None:
    """Claims that differ in nothing that counts still give one and the same profile."""
    profiles = {profile_of(*order).model_dump_json() for order in (claims, claims[::-1])}

    assert len(profiles) == 1


def test_age_weighs_on_confidence() -> None:
    """A confident claim of years ago loses to a less confident one of today."""
    sector = profile_of(
        claim("sector", "retail", confidence=0.9, days_old=1500),
        claim("sector", "energy", confidence=0.8),
    ).sector

    assert sector is not None
    assert sector.value == "energy"


def test_an_unknown_word_does_not_hide_a_known_one() -> None:
    """What cannot be read takes no part in the decision."""
    sector = profile_of(
        claim("sector", "astrology"), claim("sector", "energy", confidence=0.1)
    ).sector

    assert sector is not None
    assert sector.value == "energy"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sector", 7),
        ("size_band", "huge"),
        ("headcount", "many"),
        ("headcount", 0),
        ("headcount", -5),
        ("headcount", 10**400),
        ("headcount", "9" * 5000),
        ("country", "Atlantis"),
        ("website", "n/a"),
        ("email", "  "),
        ("hiring", 0),
        ("hiring", "0"),
        ("hiring", " "),
        ("news", "Acme opens a plant"),
        ("news", "gossip: Acme opens a plant"),
        ("technology", ""),
        ("description", "Acme makes everything"),
    ],
)
def test_what_cannot_be_read_is_unknown(field: str, value: str | int) -> None:
    """Nonsense leaves the profile empty and fails nothing."""
    profile = profile_of(claim(field, value))

    assert profile == profile_of()


def test_size_band_follows_from_headcount() -> None:
    """Where no band is stated the headcount gives it, with its source."""
    band = profile_of(claim("headcount", 120, confidence=0.7)).size_band

    assert band is not None
    assert (band.value, band.confidence) == ("51-200", 0.7)


def test_headcount_may_come_as_text() -> None:
    """Digits in quotes are still a number."""
    headcount = profile_of(claim("headcount", " 120 ")).headcount

    assert headcount is not None
    assert headcount.value == 120


def test_the_lead_is_believed_where_there_is_no_evidence() -> None:
    """Country, website and phone of the lead count, with low confidence and no source."""
    profile = profile_of(country="México", website="https://www.acme.example/", phone="+52 55")

    assert profile.country is not None
    assert (profile.country.value, profile.country.confidence) == ("MX", 0.4)
    assert profile.country.source_url is None
    assert profile.website is not None
    assert profile.website.value == "acme.example"
    assert [p.value.kind for p in profile.contact_points] == [ClaimField.PHONE]


def test_evidence_is_believed_over_the_lead() -> None:
    """A typed country does not stand against a source."""
    country = profile_of(claim("country", "ES", confidence=0.6), country="DE").country

    assert country is not None
    assert country.value == "ES"


def test_lists_hold_each_value_once_the_best_first() -> None:
    """Two sources that say the same are one entry, with the better of the two."""
    technologies = profile_of(
        claim("technology", "SAP", confidence=0.5),
        claim("technology", "sap", confidence=0.7),
        claim("technology", "Odoo", confidence=0.9),
    ).technologies

    assert [(t.value, t.confidence) for t in technologies] == [("Odoo", 0.9), ("sap", 0.7)]


def test_a_job_title_is_one_position_however_it_is_cased() -> None:
    """Two boards that advertise one position do not make it two."""
    titles = profile_of(claim("hiring", "Data Analyst"), claim("hiring", "data analyst"))

    assert len(titles.job_titles) == 1


def test_names_in_other_scripts_stay_apart() -> None:
    """Two job titles without a Latin letter are two positions."""
    titles = profile_of(claim("hiring", "инженер"), claim("hiring", "бухгалтер")).job_titles

    assert len(titles) == 2


def test_news_is_split_into_category_and_headline() -> None:
    """Only the first colon separates; the headline may have more."""
    (news,) = profile_of(claim("news", "Expansion: Acme: a new plant")).news

    assert (news.value.category, news.value.headline) == ("expansion", "Acme: a new plant")


def test_hiring_is_a_number_or_a_title() -> None:
    """Counts, also in quotes, and job titles are kept apart."""
    profile = profile_of(claim("hiring", 12), claim("hiring", "7"), claim("hiring", "Data analyst"))

    assert [p.value for p in profile.open_positions] == [12, 7]
    assert [t.value for t in profile.job_titles] == ["Data analyst"]


@pytest.mark.parametrize(
    "as_of",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        datetime(9999, 12, 31, 23, 59, tzinfo=_BOGOTA),
        NOW.astimezone(UTC) + timedelta(days=1),
    ],
)
def test_any_date_can_be_weighed(as_of: datetime) -> None:
    """A placeholder or future date of a source breaks nothing."""
    dated = Claim(field=ClaimField.SECTOR, value="retail", confidence=1, as_of=as_of)

    sector = profile_of(dated).sector

    assert sector is not None
    assert 0 <= sector.trust <= 1


def test_an_empty_lead_makes_an_empty_profile() -> None:
    """Nothing is made up."""
    profile = profile_of(country="", website="", phone="")

    assert profile == profile_of()
    assert lead().country is None
