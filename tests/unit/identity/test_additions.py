"""What people write beside a name: it comes off where it is surely no part of the name."""

import pytest

from orchestrator.identity import company_key
from orchestrator.identity.stripping import take_off

ONE_COMPANY = [
    ["Starbucks", "Starbucks #1234", "Starbucks Store #88", "STARBUCKS #1234", "Starbucks (#1234)"],
    ["Norte", "Norte Tienda 12", "Norte, Sucursal Nº 3", "Norte S.A. Sucursal en España"],
    ["Norte", '"Norte S.A. Sucursal en España"', "«Norte, Sucursal Nº 3»"],
    [
        "Norte Digital",
        "Norte Digital d/b/a Faro",
        "Norte Digital LLC DBA Faro",
        "Norte Digital dba: Faro",
    ],
    ["Norte Digital", "Norte Digital t/a Faro", "Norte Digital Ltd trading as Faro"],
    ["Norte Digital", "c/o Norte Digital", "Norte Digital c/o Eva Gil", "Norte Digital C/O E. Gil"],
    ["Norte", "Norte S.L - B12345678", "Norte SL (CIF B12345678)", "Norte SL NIF: B-12345678"],
    [
        "Norte",
        "Norte S.A. RUT 76.123.456-7",
        "Norte Ltda - 12.345.678/0001-95",
        "Norte SRL 30-12345678-9",
    ],
    ["Apple", "Apple Inc. (AAPL)", "Apple (NASDAQ: AAPL)", "Apple Inc. NASDAQ:AAPL"],
    ["Petróleos Mexicanos", "Petróleos Mexicanos (PEMEX)"],
    ["Faro", "Faro (Grupo Norte)", "Faro (Grupo Norte) S.L."],
    ["Medicina Norte", "Medicina Norte (MedNorte)", "Medicina Norte (MedNorte) S.A."],
    ["Telefónica", "TelefÃ³nica"],
]


@pytest.mark.parametrize("writings", ONE_COMPANY, ids=lambda writings: writings[1])
def test_an_addition_makes_no_second_company(writings: list[str]) -> None:
    """A branch, a trade name, a tax id or a ticker is bought with its company, once."""
    assert {company_key(name) for name in writings} == {company_key(writings[0])}, [
        (name, company_key(name)) for name in writings
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["Growth Sub-Fund #101", "Growth Sub-Fund #102"],
        ["Norte Fondo #1234", "Norte Fondo #1235"],
        ["Studio #54", "Studio"],
        ["C/O Sales AB", "Sales AB"],
        ["Norte (UK) Ltd", "Norte Ltd"],
        ["Norte Ltd (USA)", "Norte Ltd"],
        ["Norte Sistemas (Sur)", "Norte Sistemas"],
        ["Norte 2000", "Norte"],
        ["Grupo 1234 - Norte", "Grupo"],
        ["Norte (The Group)", "Norte"],
        ["Banco Sur (BXS)", "Banco Sur"],
    ],
)
def test_what_may_be_part_of_the_name_stays(names: list[str]) -> None:
    """A doubt is a split: a series, a country, a place or a number may tell two companies apart."""
    assert len({company_key(name) for name in names}) == len(names), list(map(company_key, names))


def test_the_additions_are_told() -> None:
    """What came off is known, for those who explain a key."""
    assert take_off("Norte SL (CIF B12345678)").additions == ("CIF B12345678",)
    assert take_off("Norte SL") == ("Norte SL", ())


@pytest.mark.parametrize("unit", ["(", "c/o ", "#1234 ", " d/b/a", "- ", "Ã", "B1234567"])
def test_hostile_names_end(unit: str) -> None:
    """The time does not explode with the length."""
    assert company_key(unit * 20_000)
    assert company_key(f"a{unit * (290 // len(unit))}")
