"""The answer is read leniently: what is odd is absent, what is unknown is kept."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.surfsense.wire import Enrichment, Estado

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = [
    *Enrichment.model_fields,
    *("empleados", "pais", "sitio_web", "correos", "telefonos", "redes", "vacantes", "noticias"),
]


def test_english_and_spanish_names_mean_the_same() -> None:
    """A field is understood under either of its names."""
    english = Enrichment.model_validate(
        {
            "headcount": 320,
            "size_band": "201-1000",
            "country": "ES",
            "website": "https://acme.example",
            "description": "Comercio",
            "emails": ["info@acme.example"],
            "phones": ["+34 91 000 0001"],
            "socials": ["https://x.example/acme"],
            "hiring": 4,
            "news": [{"category": "award", "headline": "Premiada"}],
            "technologies": ["Odoo"],
        }
    )

    spanish = Enrichment.model_validate(
        {
            "empleados": 320,
            "tamano": "201-1000",
            "pais": "ES",
            "sitio_web": "https://acme.example",
            "descripcion": "Comercio",
            "correos": ["info@acme.example"],
            "telefonos": ["+34 91 000 0001"],
            "redes": {"x": "https://x.example/acme"},
            "vacantes": 4,
            "noticias": [{"categoria": "award", "titular": "Premiada"}],
            "tecnologias": ["Odoo"],
        }
    )

    assert spanish == english
    assert english.headcount is not None
    assert english.news[0].category == "award"


def test_a_value_comes_bare_or_with_its_provenance() -> None:
    """Both forms are the same value; only one tells where it is from."""
    told = {
        "value": "retail",
        "confidence": 0.8,
        "source_url": "https://acme.example/",
        "as_of": "2026-05-01T10:00:00+02:00",
    }

    sourced = Enrichment.model_validate({"sector": told}).sector
    bare = Enrichment.model_validate({"sector": "retail"}).sector

    assert sourced is not None
    assert bare is not None
    assert sourced.value == bare.value == "retail"
    assert (sourced.confidence, bare.confidence) == (0.8, None)
    assert (sourced.as_of, bare.as_of) == (datetime(2026, 5, 1, 8, tzinfo=UTC), None)


def test_a_date_without_zone_is_utc() -> None:
    """An instant is aware whatever the source omitted."""
    answer = Enrichment.model_validate({"sector": {"valor": "retail", "fecha": "2026-05-01"}})

    assert answer.sector is not None
    assert answer.sector.as_of == datetime(2026, 5, 1, tzinfo=UTC)


def test_odd_provenance_does_not_cost_the_value() -> None:
    """A confidence of "high" is dropped, the value it belongs to is not."""
    odd = {"value": "retail", "confidence": "high", "source_url": [], "as_of": "yesterday"}

    sector = Enrichment.model_validate({"sector": odd}).sector

    assert sector is not None
    assert sector.value == "retail"
    assert (sector.confidence, sector.source_url, sector.as_of) == (None, None, None)


@pytest.mark.parametrize("odd", ["many", True, -3, 2.5, None, [], {}, {"value": {}}])
def test_an_odd_field_is_absent(odd: object) -> None:
    """A headcount that is no whole number reads as unknown, and nothing else is lost."""
    answer = Enrichment.model_validate({"headcount": odd, "sector": "retail"})

    assert answer.headcount is None
    assert answer.sector is not None


def test_odd_items_leave_the_others() -> None:
    """One bad item does not take the list with it."""
    answer = Enrichment.model_validate({"technologies": ["SAP", "", None, [], {"value": "Odoo"}]})

    assert [item.value for item in answer.technologies] == ["SAP", "Odoo"]


@pytest.mark.parametrize(
    ("hiring", "read"), [(12, [12]), ("12", [12]), (["Chef", 3, True], ["Chef", 3]), (None, [])]
)
def test_hiring_is_a_number_or_titles(hiring: object, read: list[int | str]) -> None:
    """Open positions come counted or named."""
    answer = Enrichment.model_validate({"hiring": hiring})

    assert [item.value for item in answer.hiring] == read


@pytest.mark.parametrize(
    "news",
    [
        {"category": "award", "headline": "Premiada", "as_of": "2026-05-01"},
        {"value": {"category": "award", "headline": "Premiada"}, "as_of": "2026-05-01"},
        [{"valor": {"categoria": "award", "titular": "Premiada"}, "fecha": "2026-05-01"}],
    ],
)
def test_news_come_flat_or_nested(news: object) -> None:
    """A category and a headline are found in either shape, with their date."""
    (item,) = Enrichment.model_validate({"news": news}).news

    assert (item.category, item.value) == ("award", "Premiada")
    assert item.as_of == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "estado"),
    [
        ({}, Estado.FOUND),
        ({"estado": "no_encontrada"}, Estado.NOT_FOUND),
        ({"status": "Ambiguous"}, Estado.AMBIGUOUS),
        ({"estado": "activa"}, Estado.FOUND),
        ({"estado": 5}, Estado.FOUND),
    ],
)
def test_an_estado_is_found_unless_it_says_otherwise(
    answer: dict[str, object], estado: Estado
) -> None:
    """The documents do not name the field, so only the known words change the meaning."""
    assert Enrichment.model_validate(answer).estado is estado


def test_unknown_fields_survive_a_dump() -> None:
    """What we do not understand today is there when we do."""
    answer = Enrichment.model_validate(
        {"empresa": "Acme", "sector": {"value": "retail", "rank": 3}, "extra": {"a": [1]}}
    )

    dumped = answer.model_dump()

    assert dumped["extra"] == {"a": [1]}
    assert dumped["sector"]["rank"] == 3


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON))
def test_every_json_object_can_be_read(answer: dict[str, object]) -> None:
    """No object that a server may send raises."""
    Enrichment.model_validate(answer)
