"""Whether a place on Maps is the company that is asked for."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.agreement import place_belongs, possible_number, same_town
from orchestrator.evidence.model import Agreement, Place, Subject

ARRIAGA = Subject("Talleres Arriaga S.L.", country="ES", city="Bilbao")
PLACE = Place("Talleres Arriaga", city="Bilbao", country="ES")


def agreement(subject: Subject, place: Place) -> Agreement:
    """Return the verdict alone."""
    return place_belongs(subject, place).agreement


@pytest.mark.parametrize(
    "place",
    [
        PLACE,
        replace(PLACE, title="TALLERES ARRIAGA | Calderería"),
        replace(PLACE, title="Taleres Arriaga"),
        replace(PLACE, city="Bilbo"),
        replace(PLACE, city="Bizkaia"),
        replace(PLACE, city=None, address="Calle Mayor 4, 48001 Bilbao"),
        replace(PLACE, title="Talleres Arriaga Hnos. Zubieta", website="https://arriaga.es/"),
        replace(PLACE, website="https://www.facebook.com/talleresarriaga"),
        replace(PLACE, website="https://otra-cosa.es/"),
    ],
)
def test_the_same_name_in_the_same_town_agrees(place: Place) -> None:
    """Another way of writing the name or the town changes nothing."""
    assert agreement(ARRIAGA, place) is Agreement.AGREE


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, city="Vigo"),
        replace(PLACE, city=None),
        replace(PLACE, title="Talleres Arriaga Mendieta"),
        replace(PLACE, title="Talleres"),
        replace(PLACE, title="Arriaga Abogados"),
        replace(PLACE, city=None, title="Taleres Arriaga"),
        replace(PLACE, city=None, title="Talleres Arriaga Vigo"),
        replace(PLACE, title="Talleres Arriaga Mendieta", website="https://mendieta.es/"),
    ],
)
def test_a_namesake_or_a_longer_name_is_weak(place: Place) -> None:
    """A person may look at it; nothing is taken from it."""
    assert agreement(ARRIAGA, place) is Agreement.WEAK


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, title="Talleres Mendieta"),
        replace(PLACE, title="Panadería Zubieta"),
        replace(PLACE, title=""),
        replace(PLACE, country="MX"),
    ],
)
def test_another_name_or_country_is_a_conflict(place: Place) -> None:
    """Maps shows something near, which is another company."""
    assert agreement(ARRIAGA, place) is Agreement.CONFLICT


def test_another_domain_is_a_veto() -> None:
    """Name, town and phone don't help a place that has another company's website."""
    subject = replace(ARRIAGA, domain="arriaga.com", phones=("+34944000111",))
    place = replace(PLACE, website="https://talleres-arriaga.net/", phone="944 00 01 11")
    assert agreement(subject, place) is Agreement.CONFLICT


def test_the_own_domain_agrees_whatever_the_place_is_called() -> None:
    """A brand's place may have another name than the company."""
    subject = replace(ARRIAGA, domain="arriaga.com")
    place = Place("Calderería del Norte", city="Vigo", website="http://www.arriaga.com/vigo")
    assert agreement(subject, place) is Agreement.AGREE


def test_a_page_at_a_directory_is_no_other_domain() -> None:
    """A place that links to its social page says nothing about the domain."""
    subject = replace(ARRIAGA, domain="arriaga.com")
    place = replace(PLACE, website="https://www.facebook.com/talleresarriaga")
    assert agreement(subject, place) is Agreement.AGREE
    assert agreement(subject, replace(place, title="Talleres Mendieta")) is Agreement.CONFLICT


def test_the_same_label_under_another_suffix_decides_nothing() -> None:
    """`arriaga.es` may be the company that has `arriaga.com`; the name and town say so."""
    subject = replace(ARRIAGA, domain="arriaga.com")
    twin = replace(PLACE, website="https://arriaga.es/")
    assert agreement(subject, twin) is Agreement.AGREE
    assert agreement(subject, replace(twin, city="Vigo")) is Agreement.WEAK


def test_the_phone_agrees_unless_the_name_is_another() -> None:
    """Two companies of one group may share a phone."""
    subject = replace(ARRIAGA, phones=("+34944000111",))
    elsewhere = replace(PLACE, city="Getxo", phone="944 00 01 11")
    assert agreement(subject, elsewhere) is Agreement.AGREE
    assert agreement(subject, replace(elsewhere, title="Grúas Zubieta")) is Agreement.WEAK
    assert agreement(subject, replace(elsewhere, phone="944 00 01 12")) is Agreement.WEAK


def test_a_generic_name_needs_its_town() -> None:
    """Every town has a `Central Inmobiliaria`."""
    subject = Subject("Central Inmobiliaria", country="ES")
    place = Place("Central Inmobiliaria", country="ES", city="Bilbao")
    assert agreement(subject, place) is Agreement.WEAK
    assert agreement(replace(subject, city="Bilbao"), place) is Agreement.AGREE


def test_the_reasons_say_what_was_compared() -> None:
    """Each reason is a clause that a person can check."""
    subject = replace(ARRIAGA, domain="arriaga.com", phones=("+34944000111",))
    place = replace(PLACE, city="Vigo", website="https://mendieta.es/", phone="944000111")
    assert place_belongs(subject, place).reasons == (
        "its website mendieta.es is not the company's domain",
        "it has the company's phone number",
        "its name 'Talleres Arriaga' is the company's",
        "it is in Vigo, not in Bilbao",
    )
    assert place_belongs(ARRIAGA, replace(PLACE, title="Talleres", country="MX")).reasons == (
        "it is in another country, MX",
        "its name 'Talleres' lacks arriaga",
        "it is in Bilbao, as asked for",
    )
    longer = replace(PLACE, title="Talleres Arriaga Hnos. Zubieta", website="https://arriaga.es/")
    assert place_belongs(ARRIAGA, longer).reasons[:2] == (
        "its name 'Talleres Arriaga Hnos. Zubieta' has more or other words",
        "its domain arriaga.es is made of the company's name",
    )


@pytest.mark.parametrize(
    ("phone", "country", "number"),
    [
        ("944 00 01 11", "ES", "+34944000111"),
        ("+34 944-000-111", None, "+34944000111"),
        ("(11) 4000-1111", "AR", "+541140001111"),
        ("call us", "ES", None),
        ("12", "ES", None),
        ("944000111", None, None),
        ("9" * 10_000, "ES", None),
    ],
)
def test_a_phone_as_shown(phone: str, country: str | None, number: str | None) -> None:
    """A number without a country, or that no phone has, is none."""
    assert possible_number(phone, country) == number


def test_towns_are_compared_as_people_write_them() -> None:
    """Languages, suburbs and provinces are one place; two towns are not."""
    assert same_town("Alicante (Alacant)", "Alacant")
    assert same_town("Malpartida de Cáceres", "Cáceres")
    assert not same_town("Bilbao", "Vigo")


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=60))
def test_any_place_is_judged(name: str, title: str, other: str) -> None:
    """No text raises, and each verdict has a reason."""
    subject = Subject(name, city=other, country="ES", phones=("+34944000111",), domain=other)
    place = Place(title, address=title, city=other, country="ES", website=title, phone=other)
    assert place_belongs(subject, place).reasons


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Agreement.AGREE),
        ({"city": "Bilbao"}, Agreement.AGREE),
        ({"city": "Vigo"}, Agreement.WEAK),
        ({"domain": "arriaga.example"}, Agreement.WEAK),
        ({"phones": ("+34986000111",)}, Agreement.WEAK),
    ],
)
def test_what_is_known_besides_the_name_must_agree(
    facts: dict[str, Any], expected: Agreement
) -> None:
    """The whole name is enough only where it is all that is asked for."""
    named = replace(PLACE, website=None)

    assert agreement(Subject("Talleres Arriaga", country="ES", **facts), named) is expected
