"""Whether a title or a domain names the company that is asked for."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.names import LabelFit, is_generic, label_fit, likeness, name_of

A_NAME = st.lists(
    st.sampled_from(["Talleres", "Arriaga", "Mendieta", "de", "Bilbao", "Sur", "Zubieta"]),
    min_size=1,
    max_size=5,
).map(" ".join)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("Talleres Arriaga S.L.", "Talleres Arriaga"),
        ("TALLERES ARRIAGA", "Inicio - Talleres Arriaga"),
        ("Talleres Arriaga", "Calderería en Bilbao | Talleres Arriaga, S.L.U."),
        ("Muñoz & Hijos", "MUÑOZ E HIJOS SL"),
        ("Clínica Herrera", "Clnica Herrera"),
        ("Clnica Herrera", "Clínica Herrera | Dentistas"),
        ("Panificadora Zubieta E.I.R.L.", "Panificadora Zubieta"),
        ("Agrícola Zubieta S.C.", "Agrícola Zubieta"),
        ("Central Logística", "Central Logística | Almacenes"),
        ("Talleres Arriaga", "Talleres Arriaga Bilbao"),
        ("Edificio Mar 2", "Edificio Mar 2"),
        ("Edificio oia 4", "Edificio Coia 4"),
    ],
)
def test_a_title_is_the_name(asked: str, shown: str) -> None:
    """Legal forms, case, accents, a typing error and what stands around it don't matter."""
    found = likeness(asked, shown)
    assert found.is_same
    assert found.is_exact
    assert found.score == pytest.approx(1)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("Talleres Arriaga", "Arriaga"),
        ("Talleres Arriaga", "Arriaga Talleres"),
        ("Talleres Arriaga Hermanos", "Talleres Arriaga"),
        ("Grupo Arriaga Servicios", "Arriaga Servicios Integrales"),
    ],
)
def test_a_title_has_the_distinctive_words(asked: str, shown: str) -> None:
    """Words of trades and of size may be missing or be more."""
    found = likeness(asked, shown)
    assert found.is_same
    assert not found.is_exact


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("Talleres Arriaga", "Talleres Mendieta"),
        ("Catering Arriaga", "Catering Zubieta | Bilbao"),
        ("Central Inmobiliaria", "Inmobiliaria Zubieta"),
        ("Talleres Arriaga", ""),
        ("", "Talleres Arriaga"),
        ("_", "Talleres Arriaga"),
        ("Edificio Mar", "Edificio Mar 2"),
        ("Arriaga Abogados", "Talleres Arriaga"),
        ("Talleres Arriaga", "Talleres Arriaga Mendieta"),
        ("MBZ Solar", "MBX Solar"),
        ("Frutas Mendieta", "Frutos Mendieta"),
        ("Central Inmobiliaia", "Inmobiliaria del Norte"),
    ],
)
def test_a_title_is_another_name(asked: str, shown: str) -> None:
    """One distinctive word more, less or other, or another trade, is not the same name."""
    assert not likeness(asked, shown).is_same


def test_a_contradiction_needs_a_word_on_both_sides() -> None:
    """A longer name may be the same company; another name in its place is not."""
    assert likeness("Talleres Arriaga", "Talleres Mendieta").is_other
    assert not likeness("Talleres Arriaga", "Talleres Arriaga Mendieta").is_other
    assert not likeness("Talleres Arriaga", "Talleres").is_other


def test_what_differs_is_named() -> None:
    """The words that are missing or foreign are given as reasons."""
    found = likeness("Talleres Arriaga", "Talleres Mendieta Vigo | Talleres")
    assert found.missing == ("arriaga",)
    assert {town.name for town in found.towns} == {"vigo"}
    assert likeness("Talleres Arriaga", "Talleres Arriaga Mendieta").foreign == ("mendieta",)


def test_a_town_of_the_name_itself_is_no_other_town() -> None:
    """`Talleres Bilbao` names no town beside its own."""
    assert likeness("Talleres Bilbao", "Talleres Bilbao").towns == frozenset()


def test_a_misspelling_is_told() -> None:
    """Where little else is known, a match despite a typing error is not enough."""
    assert likeness("Talleres Ariaga", "Talleres Arriaga").is_misspelt
    assert not likeness("Talleres Arriaga", "Talleres Arriaga").is_misspelt


def test_initials_alone_are_weak() -> None:
    """An acronym is like the name, and not it."""
    found = likeness("TAZ", "Talleres Arriaga Zubieta")
    assert 0 < found.score < 1
    assert not found.is_same


def test_a_name_of_generic_words_is_only_itself() -> None:
    """`Central Inmobiliaria` and `Inmobiliaria Central` may be two."""
    assert name_of("Central Inmobiliaria").is_generic
    assert not likeness("Central Inmobiliaria", "Inmobiliaria Central").is_same
    assert not likeness("Medical Service", "Medical Service Care").is_same


def test_a_generic_word_is_known_with_a_letter_left_out() -> None:
    """A dropped letter makes no distinctive word."""
    assert is_generic("construciones")
    assert is_generic("construcciones")
    assert not is_generic("arriaga")


@pytest.mark.parametrize(
    ("asked", "label", "city", "fit"),
    [
        ("Talleres Arriaga S.L.", "talleresarriaga", None, LabelFit.FULL),
        ("Talleres Arriaga S.L.", "arriaga", None, LabelFit.FULL),
        ("Talleres Arriaga S.L.", "talleres-arriaga", None, LabelFit.FULL),
        ("Talleres Arriaga S.L.", "grupoarriaga", None, LabelFit.FULL),
        ("Talleres Arriaga S.L.", "arriagabilbao", "Bilbao", LabelFit.FULL),
        ("Talleres Arriaga S.L.", "arriagabizkaia", "Bilbao", LabelFit.FULL),
        ("Moro y Asociados", "moroyasociados", None, LabelFit.FULL),
        ("Clínica Esquivel", "clinicasesquivel", None, LabelFit.FULL),
        ("Centro Comercial Zubieta", "cczubieta", None, LabelFit.FULL),
        ("Talleres Arriaga S.L.", "tallarriag", None, LabelFit.SHORTENED),
        ("Arriaga", "arriagaabogados", None, LabelFit.SHORTENED),
        ("Arriaga Zubieta", "arriaga", None, LabelFit.SHORTENED),
        ("Talleres Ariaga", "talleresarriaga", None, LabelFit.SHORTENED),
        ("Talleres Arriaga Mendieta", "tambil", "Bilbao", LabelFit.INITIALS_AND_TOWN),
        ("Global Parts Access", "gpa", None, LabelFit.INITIALS),
        ("Construcciones Peñalba del Norte", "cpdn", None, LabelFit.INITIALS),
        ("Talleres Arriaga S.L.", "talleresmendieta", None, LabelFit.FOREIGN),
        ("Talleres Arriaga S.L.", "talleresarriagavigo", "Bilbao", LabelFit.FOREIGN),
        ("Talleres Arriaga S.L.", "talleres", None, LabelFit.FOREIGN),
        ("Talleres Arriaga S.L.", "directorio", None, LabelFit.FOREIGN),
        ("Talleres Arriaga S.L.", "ta", None, LabelFit.FOREIGN),
        ("Talleres Arriaga S.L.", "", None, LabelFit.FOREIGN),
        ("", "talleres", None, LabelFit.FOREIGN),
    ],
)
def test_how_a_name_explains_a_domain(
    asked: str, label: str, city: str | None, fit: LabelFit
) -> None:
    """A domain is the company's only if all of its letters come from the name and its town."""
    assert label_fit(asked, label, city) is fit


@given(A_NAME)
def test_a_name_is_itself(name: str) -> None:
    """Every name with a word that counts is exactly itself, and explains its own domain."""
    words = name_of(name).words
    assert likeness(name, name).is_exact == bool(words)
    if words:
        assert likeness(name, f"{name} | Web oficial").is_exact


@given(st.text(max_size=2_000), st.text(alphabet=string.printable, max_size=500))
def test_any_two_texts_are_compared(asked: str, shown: str) -> None:
    """No text raises, and a likeness is a share."""
    found = likeness(asked, shown)
    assert 0 <= found.score <= 1 + 1e-9
    assert not (found.is_same and found.is_other)
    label_fit(asked, shown, asked)
