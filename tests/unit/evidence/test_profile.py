"""From what the steps brought to one answer: grounded, gated, ranked, and the same in any order."""

import json
import random
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.case import ClaimField
from orchestrator.evidence import details
from orchestrator.evidence.gate import CLOSED_CELL, Answers
from orchestrator.evidence.model import (
    Agreement,
    Hit,
    JobAd,
    Method,
    Observed,
    Page,
    Place,
    Step,
    Subject,
)
from orchestrator.evidence.profile import (
    EVIDENCE,
    FIELD_NAMES,
    assemble,
    site_of,
    sources_in,
    website_in,
)
from orchestrator.evidence.texts import single_spaced
from orchestrator.surfsense import evidence_from
from orchestrator.surfsense.evidence import FIELDS
from tests.unit.evidence.companies import (
    BOUGHT_AT,
    DOMAIN,
    HOME,
    KNOWN,
    NAME,
    NAMESAKE_PLACE,
    NOW,
    SUBJECT,
    hit,
    job,
    legal_page,
    page,
    place,
)

_ALL = Answers(
    maps=(place(), NAMESAKE_PLACE),
    search=(hit(), hit("Talleres Arriaga SL | LinkedIn", "https://linkedin.com/c/1", position=2)),
    crawl=(page(), legal_page()),
    jobs=(job(), job("Otra Empresa SA", title="Cocinero")),
)


def told(answers: Answers, subject: Subject = SUBJECT) -> dict[str, Any]:
    """Return the payload without its log."""
    payload = assemble(subject, answers, BOUGHT_AT).payload
    return {name: value for name, value in payload.items() if name != EVIDENCE}


def data_in(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every datum of a payload."""
    fields = [payload[name] for name in FIELD_NAMES.values() if name in payload]
    return [datum for field in fields for datum in (field if isinstance(field, list) else [field])]


def test_an_answer_has_the_form_of_enrich() -> None:
    """The agents' reader understands it, with all that a person judges it by."""
    payload = assemble(SUBJECT, _ALL, BOUGHT_AT).payload

    claims = {claim.field: claim for claim in evidence_from("x", payload, NOW).claims}

    assert payload["empresa"] == SUBJECT.name
    assert claims[ClaimField.COUNTRY].value == "ES"
    assert claims[ClaimField.WEBSITE].status == "verified"
    assert claims[ClaimField.SECTOR].value == "manufacturing"
    tax_id = claims[ClaimField.TAX_ID]
    assert (tax_id.value, tax_id.status, tax_id.method) == (
        "B58818501",
        "verified",
        "check_digit",
    )
    assert "CIF B58818501" in (tax_id.quote or "")
    assert tax_id.source_url == legal_page().url
    assert tax_id.as_of == BOUGHT_AT[Step.CRAWL]


def test_every_field_of_an_answer_is_one_that_is_read() -> None:
    """The names here and those of the reader are the same."""
    assert {row.claim: row.name for row in FIELDS} == FIELD_NAMES


def test_what_maps_and_the_own_site_state_is_verified() -> None:
    """One phone in two writings, in two independent sources."""
    (phone,) = told(Answers(maps=(place(),), crawl=(page(),)))["phones"]

    assert phone["status"] == "verified"
    assert phone["value"].startswith("+34")


def test_the_leads_own_domain_verifies_what_it_states() -> None:
    """Without any other source, an address on the lead's own site is the company's."""
    known, chosen = (told(Answers(crawl=(page(),)), subject) for subject in (KNOWN, SUBJECT))

    assert known["emails"][0]["status"] == "verified"
    # A site that neither the lead nor a source names is not known to be the company's.
    assert "emails" not in chosen


def test_conflicting_sectors_need_a_person() -> None:
    """Both are in the answer, and neither is believed much."""
    hotel = place(category="Hotel")

    sector = told(Answers(maps=(hotel,), crawl=(page(),)))["sector"]

    assert sector["status"] == "conflicting"
    assert {sector["value"], *sector["alternatives"]} == {"tourism", "manufacturing"}
    assert sector["confidence"] < 0.5


def test_categories_are_read_in_the_language_that_was_asked_for() -> None:
    """A company of a country without Spanish or Portuguese has English categories."""
    foreign = replace(SUBJECT, country="GB", city=None)
    shop = replace(place(category="Furniture store", city=None), country="GB")

    assert told(Answers(maps=(shop,)), foreign)["sector"]["value"] == "retail"


def test_a_company_is_not_closed_while_one_of_its_places_is_open() -> None:
    """A branch that closed is no news about the company."""
    closed = place(permanently_closed=True, number=2)

    assert "news" not in told(Answers(maps=(place(), closed)))
    (news,) = told(Answers(maps=(closed,)))["news"]
    assert news["value"].startswith("closure:")
    assert news["confidence"] >= 0.5


def test_a_date_of_the_source_comes_before_that_of_the_purchase() -> None:
    """An ad is as old as it says, a page as old as the crawl."""
    answer = told(_ALL)

    as_of = {datetime.fromisoformat(one["as_of"]) for one in answer["hiring"]}
    assert job().published_at in as_of
    assert datetime.fromisoformat(answer["emails"][0]["as_of"]) == BOUGHT_AT[Step.CRAWL]


def test_addresses_on_the_own_domain_come_first() -> None:
    """Sales reads the first one."""
    text = f"Talleres Arriaga SL. Correo: ventas@gmail.com o info@{DOMAIN}. Bilbao."

    emails = told(Answers(crawl=(page(text),)), KNOWN).get("emails", [])

    assert emails
    assert emails[0]["value"] == f"info@{DOMAIN}"


def test_the_site_to_crawl_is_the_one_that_is_assembled() -> None:
    """What is bought next and what is shown agree."""
    for answers in (Answers(), Answers(maps=(place(),)), Answers(search=(hit(),)), _ALL):
        assert site_of(SUBJECT, answers) == assemble(SUBJECT, answers, BOUGHT_AT).website
    assert site_of(KNOWN, Answers()).domain == DOMAIN
    assert site_of(SUBJECT, Answers()).url is None


def test_the_leads_domain_alone_is_no_evidence_of_a_website() -> None:
    """What the lead said is not sold back as found."""
    assert told(Answers(), KNOWN) == {"empresa": KNOWN.name}


def test_the_sources_say_what_was_taken_and_why() -> None:
    """What agrees comes first; a namesake is shown with its reason, and gave nothing."""
    shown = assemble(SUBJECT, _ALL, BOUGHT_AT).sources

    by_url = {source.url: source for source in shown}
    legal = by_url[legal_page().url]
    namesake = by_url[NAMESAKE_PLACE.url]
    assert "tax_ids" in legal.taken
    assert namesake.reasons
    assert namesake.taken == ()
    agreements = [source.agreement for source in shown]
    assert agreements == sorted(agreements, key=[*Agreement].index)


def test_the_log_can_be_explained_later() -> None:
    """The stored answer tells what was looked at, and what each step brought."""
    answer = assemble(SUBJECT, replace(_ALL, search=()), BOUGHT_AT)

    log = json.loads(json.dumps(answer.payload))[EVIDENCE]

    assert log["steps"] == {"maps": 2, "search": 0, "crawl": 2, "jobs": 2}
    assert [source["url"] for source in log["sources"]] == [one.url for one in answer.sources]
    assert log["website"]["domain"] == DOMAIN


def test_the_log_is_read_back_from_a_stored_answer() -> None:
    """An explanation shows later what was seen when the answer was bought."""
    answer = assemble(SUBJECT, _ALL, BOUGHT_AT)

    stored = json.loads(json.dumps(answer.payload))

    assert sources_in(stored) == answer.sources
    assert website_in(stored) == answer.website


@pytest.mark.parametrize(
    "log", [None, "text", [], {}, {"sources": "none", "website": 3}, {"sources": [{"step": "?"}]}]
)
def test_an_answer_of_another_kind_has_no_log(log: object) -> None:
    """A field of that name may be anything in an answer that was not assembled here."""
    assert sources_in({EVIDENCE: log}) == sources_in({}) == ()
    assert website_in({EVIDENCE: log}) is website_in({}) is None


def test_directories_and_networks_tell_contacts() -> None:
    """Of a result that has the name and the town; what Maps says, too, is corroborated."""
    directory = hit(
        "Talleres Arriaga - Páginas Amarillas",
        "https://www.paginasamarillas.es/f/bilbao/talleres-arriaga",
        "Talleres Arriaga en Bilbao, CIF B58818501. Teléfono: +34 944 000 111.",
        position=2,
    )
    network = hit(
        "Talleres Arriaga SL | LinkedIn",
        "https://es.linkedin.com/company/talleres-arriaga?trk=x",
        "Tamaño de la empresa: 51-200 empleados · Sede: Bilbao",
        position=3,
    )

    alone = told(Answers(search=(directory, network)))
    backed = told(Answers(search=(directory, network), maps=(place(),)))

    assert alone["phones"][0]["value"] == "+34944000111"
    assert alone["tax_ids"][0]["value"] == "B58818501"
    assert alone["socials"][0]["value"].endswith("linkedin.com/company/talleres-arriaga")
    assert {datum["status"] for datum in data_in(alone)} == {"single_source"}
    assert {datum["method"] for datum in data_in(alone)} == {"listing"}
    assert alone["size_band"]["value"] == "51-200"
    assert backed["phones"][0]["status"] == "corroborated"
    namesake = replace(directory, description="Talleres Arriaga en Sevilla, +34 944 000 222")
    assert "phones" not in told(Answers(search=(namesake,)))


def test_a_site_that_is_only_believed_lends_less_confidence() -> None:
    """What a search result says counts by how certain it is that the site is the company's."""
    alone, backed = (
        told(Answers(search=(hit(),)), subject)["sector"] for subject in (SUBJECT, KNOWN)
    )

    assert alone["value"] == backed["value"] == "manufacturing"
    assert alone["confidence"] < backed["confidence"]


def test_a_site_that_is_only_believed_verifies_nothing() -> None:
    """Its agreement with another source corroborates; the lead's word makes it the own site."""
    answers = Answers(maps=(place(website=None),), search=(hit(),))

    believed, known = (told(answers, subject)["sector"] for subject in (SUBJECT, KNOWN))

    assert (believed["status"], known["status"]) == ("corroborated", "verified")


def test_an_answer_is_bounded() -> None:
    """Neither a long text nor a thousand items make a large answer."""
    long = "Calderería y mecanizado en Bilbao de Talleres Arriaga SL. " * 2_000
    pages = tuple(
        page(f"{long} correo{n}@{DOMAIN} info@{DOMAIN}", url=f"{HOME}{n}/{'x' * 2_000}")
        for n in range(20)
    )
    hits = tuple(hit(long, f"https://{n}.example/", long, position=n) for n in range(100))

    payload = assemble(KNOWN, Answers(search=hits, crawl=pages), BOUGHT_AT).payload

    assert len(json.dumps(payload)) < 60_000


@pytest.mark.parametrize(
    ("field", "value", "quote"),
    [
        (ClaimField.SECTOR, "energy", "We sell energy."),
        (ClaimField.EMAIL, "ventas@talleresarriaga.example", "Escríbanos a info@"),
        (ClaimField.PHONE, "+34944000222", "+34 944 000 111"),
        (ClaimField.TAX_ID, "A58818501", "CIF B58818501"),
        (ClaimField.HEADCOUNT, 40, ""),
    ],
)
def test_a_value_that_does_not_stand_in_its_source_is_dropped(
    monkeypatch: pytest.MonkeyPatch, field: ClaimField, value: str | int, quote: str
) -> None:
    """Without the quote in the page, or the value in the quote, it is no fact."""
    made_up = Observed(field, value, quote, Method.PAGE_TEXT, Step.CRAWL, HOME)
    monkeypatch.setattr(details, "of_pages", lambda pages, country: [made_up])  # noqa: ARG005 - its signature

    answer = told(Answers(crawl=(page(), legal_page())), KNOWN)

    assert value not in [datum["value"] for datum in data_in(answer)]


# --- laws ---

_HOSTILE = ["\ud800", "\x00", "\u202e", "<b>", "[a](b)", "{0}", "%s", "\u00e9" * 5, "a" * 3_000]
_WORDS = st.sampled_from(
    [
        *("Talleres Arriaga", "Talleres Arriaga SL", "Otra Empresa", "Hotel", "Bilbao", "Sevilla"),
        *("calderería industrial", "CIF B58818501", f"info@{DOMAIN}", "+34 944 000 111", "ES"),
        *("somos 40 empleados", "en venta", "404", DOMAIN, "\n", "|", *_HOSTILE),
    ]
)
_TEXTS = st.lists(_WORDS, max_size=6).map(" ".join)
_URLS = st.sampled_from(
    [HOME, f"{HOME}contacto", "https://otra.example/", "https://linkedin.com/company/x", "", "//["]
)
_OPTIONAL = st.none() | _TEXTS
_TITLES = st.sampled_from(["Talleres Arriaga", "Talleres Arriaga SL en Bilbao"]) | _TEXTS
_CITIES = st.sampled_from([None, "Bilbao", "Sevilla"]) | _TEXTS
_PLACES = st.builds(
    Place,
    _TITLES,
    category=st.sampled_from(["Hotel", "Taller metalúrgico"]) | _OPTIONAL,
    city=_CITIES,
    country=st.sampled_from([None, "ES", "PT", "\x00"]),
    website=st.none() | _URLS,
    phone=_OPTIONAL,
    description=_OPTIONAL,
    permanently_closed=st.booleans(),
    url=st.none() | _URLS,
)
_HITS = st.builds(Hit, st.integers(0, 5), _TITLES, _URLS, _TEXTS, st.booleans())
_PAGES = st.builds(
    Page,
    st.sampled_from([HOME, f"{HOME}contacto", f"{HOME}aviso-legal"]) | _URLS,
    st.sampled_from([page().text, legal_page().text]) | _TEXTS,
    _TITLES,
    _TEXTS,
    st.lists(_TEXTS, max_size=2).map(tuple),
)
_JOBS = st.builds(JobAd, _TEXTS, _TITLES, st.none() | _URLS, _CITIES)
_SUBJECTS = st.builds(
    Subject,
    st.sampled_from([NAME, NAME, "\x00", "Otra Empresa"]),
    domain=st.sampled_from([DOMAIN, None, DOMAIN, "otra.example"]),
    country=st.sampled_from([None, "ES"]),
    city=st.sampled_from([None, "Bilbao"]),
)
_ANSWERS = st.builds(
    Answers,
    *(st.none() | st.lists(items, max_size=3).map(tuple) for items in (_PLACES, _HITS, _PAGES)),
    jobs=st.none() | st.lists(_JOBS, max_size=3).map(tuple),
)
_law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_law
@given(_SUBJECTS, _ANSWERS, st.randoms(use_true_random=False))
def test_order_changes_nothing(subject: Subject, answers: Answers, chance: random.Random) -> None:
    """The same items make the same answer, in whatever order they came."""

    def shuffled(items: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        return None if items is None else tuple(chance.sample(items, len(items)))

    mixed = Answers(
        shuffled(answers.maps),
        shuffled(answers.search),
        shuffled(answers.crawl),
        shuffled(answers.jobs),
    )

    assert assemble(subject, mixed, BOUGHT_AT) == assemble(subject, answers, BOUGHT_AT)


@_law
@given(_SUBJECTS, _ANSWERS)
def test_every_value_has_a_quote_that_stands_in_a_source_that_agrees(
    subject: Subject, answers: Answers
) -> None:
    """No value without a quote, and none from a source in conflict; hostile text never raises."""
    found = assemble(subject, answers, BOUGHT_AT)

    agreeing = {s.url for s in found.sources if s.agreement is Agreement.AGREE}
    text = _text_of(answers)
    for datum in data_in(found.payload):
        assert datum["quote"]
        assert datum["quote"] in text
        assert datum["source_url"] in agreeing
        assert 0 < datum["confidence"] < 1
    for source in found.sources:
        assert source.agreement is Agreement.AGREE or not source.taken
    orjson.dumps(found.payload)


@_law
@given(_SUBJECTS, _ANSWERS, st.sampled_from(["maps", "search", "crawl", "jobs"]))
def test_an_empty_answer_changes_nothing_but_the_log(
    subject: Subject, answers: Answers, step: str
) -> None:
    """That nothing came is unknown, not "no"."""
    unbought = replace(answers, **{step: None})
    empty = replace(answers, **{step: ()})

    assert told(empty, subject) == told(unbought, subject)
    logs = [assemble(subject, one, BOUGHT_AT).payload[EVIDENCE] for one in (unbought, empty)]
    assert logs[1]["steps"] == {**logs[0]["steps"], step: 0}


def _text_of(answers: Answers) -> str:
    """Return all cells of all items, folded as quotes are."""
    items = [item for items in _fields_of(answers) for item in items or ()]
    cells = [cell for item in items for cell in _cells_of(item)]
    return single_spaced("\n".join([CLOSED_CELL, *cells]))


def _fields_of(answers: Answers) -> list[tuple[Any, ...] | None]:
    return [answers.maps, answers.search, answers.crawl, answers.jobs]


def _cells_of(item: Place | Hit | Page | JobAd) -> list[str]:
    values = [getattr(item, name) for name in item.__slots__]
    flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    return [one for one in flat if isinstance(one, str)]
