"""What people write beside a name: it comes off where it is surely no part of the name."""

import pytest

from orchestrator.identity import company_key
from orchestrator.identity.additions import take_off

ONE_COMPANY = [
    ["Starbucks", "Starbucks #1234", "Starbucks Store #88", "STARBUCKS #1234", "Starbucks (#1234)"],
    ["Norte", "Norte Tienda 12", "Norte, Sucursal Nº 3", "Norte S.A. Sucursal en España"],
    [
        "Norte",
        "Norte SA, Sucursal Bogotá",
        "Norte plc, Dublin Branch",
        "Norte AG Niederlassung Wien",
    ],
    ["UPS Store", "UPS Store #123", "UPS Store (#4567)"],
    ["Norte", '"Norte S.A. Sucursal en España"', "«Norte, Sucursal Nº 3»"],
    [
        "Norte Digital",
        "Norte Digital d/b/a Faro",
        "Norte Digital LLC DBA Faro",
        "Norte Digital dba: Faro",
    ],
    ["Norte Digital", "Norte Digital t/a Faro", "Norte Digital Ltd trading as Faro"],
    ["Norte Digital", "D/B/A Norte Digital", "Norte Digital (D/B/A)"],
    [
        "Norte",
        "Norte SL (antes Sur SL)",
        "Norte, Inc. formerly Sur",
        "Norte Inc. fka Sur",
        "Norte GmbH vormals Sur GmbH",
        "NORTE SL, ANTES SUR SL",
        "Norte S.r.l. (già Sur S.r.l.)",
        "Norte BV (voorheen Sur BV)",
        "Norte SL (ex-Sur SL)",
    ],
    [
        "Norte",
        "Norte SL (extinguida)",
        "Norte SL en constitución",
        "Norte GmbH i.Gr.",
        "Norte SAS en liquidación judicial",
    ],
    ["Norte", "Lote 2: Norte SL", "Norte SL (lote 2)", "NORTE, S.L. (LOTES 1, 2 y 4)"],
    ["Norte Digital", "c/o Norte Digital", "Norte Digital c/o Eva Gil", "Norte Digital C/O E. Gil"],
    ["Norte", "Norte S.L - B12345678", "Norte SL (CIF B12345678)", "Norte SL NIF: B-12345678"],
    [
        "Norte",
        "Norte S.A. RUT 76.123.456-7",
        "Norte Ltda - 12.345.678/0001-95",
        "Norte SRL 30-12345678-9",
    ],
    [
        "Norte",
        "CIF B12345678 Norte SL",
        "B12345678 - Norte SL",
        "12.345.678/0001-95 Norte Ltda",
        "RUC 20123456789 Norte SAC",
        "20123456789 - Norte SAC",
    ],
    [
        "Norte",
        "Norte SARL SIREN 123 456 789",
        "Norte Ltd (Company No. 01234567)",
        "Norte BV KvK 12345678",
        "Norte GmbH DE123456789",
        "Norte S.A. C.U.I.T.: 30-12345678-9",
        "Norte Pty Ltd ABN 12 345 678 901",
        "Norte LLC ИНН 7701234567",
        "Norte AG (CHE-123.456.789)",
        "Norte NV, BTW BE0123456789",
        "Norte SAC (20123456789)",
        "Norte SL, con CIF B12345678",
        "Norte GmbH, HRB 12345 B",
    ],
    [
        "Norte",
        "Norte SE (NRT.DE)",
        "Norte S.A. [NORT3]",
        "Norte Corp (7203.T)",
        "NYSE: NO Norte Co",
    ],
    ["Apple", "Apple Inc. (AAPL)", "Apple (NASDAQ: AAPL)", "Apple Inc. NASDAQ:AAPL"],
    ["Petróleos Mexicanos", "Petróleos Mexicanos (PEMEX)"],
    ["Faro", "Faro (Grupo Norte)", "Faro (Grupo Norte) S.L."],
    ["Frutas del Norte", "Frutas del Norte S.A. (FRUNOSA)", "Frutas del Norte SL (FRUNORTE, S.L.)"],
    ["Medicina Norte", "Medicina Norte (MedNorte)", "Medicina Norte (MedNorte) S.A."],
    ["Telefónica", "TelefÃ³nica"],
    ["Norte", "Norte  Tienda  12", "Norte\u00a0Tienda\u00a012"],
]


@pytest.mark.parametrize("writings", ONE_COMPANY, ids=lambda writings: writings[1])
def test_an_addition_makes_no_second_company(writings: list[str]) -> None:
    """A branch, a trade name, a tax id or a ticker is bought with its company, once."""
    assert {company_key(name) for name in writings} == {company_key(writings[0])}, [
        (name, company_key(name)) for name in writings
    ]


def test_signs_of_full_width_are_read() -> None:
    """East Asian keyboards write brackets and digits in the width of a character."""
    wide = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}

    assert company_key("Norte SL (CIF B12345678)".translate(wide)) == company_key("Norte")
    assert company_key("Norte #1234".translate(wide)) == company_key("Norte")


@pytest.mark.parametrize(
    "names",
    [
        ["Growth Sub-Fund #101", "Growth Sub-Fund #102"],
        ["Norte Fondo #1234", "Norte Fondo #1235"],
        ["Elks Lodge #1457", "Elks Lodge #2031"],
        ["School District #123", "School District #124"],
        ["Teamsters Local #117", "Teamsters Local #135", "Teamsters Local 117 Credit"],
        ["Escuela Primaria #123", "Escuela Primaria #124"],
        ["Coffee Shop 12", "Coffee Shop 14", "Coffee"],
        ["La Tienda 7", "La Tienda 8", "The Store 5", "The Store 6", "Mi Oficina 12"],
        ["Olive Branch", "Olive", "UPS Store #123", "UPS"],
        ["Oracle DBA Services Inc", "Oracle Inc"],
        ["Café Antes SL", "Café SL", "Café Antes del Sol SL"],
        ["Nur Ein 2000 2001 GmbH", "Nur GmbH"],
        ["Grupo Vat 2000 y 2010 SL", "Grupo Vat 2001 y 2011 SL", "Grupo SL"],
        ["Norte Uno (2010) Ltd", "Norte Uno (2011) Ltd"],
        ["Stop: Norte", "Stop"],
        ["Norte (12345678)", "Norte (12345679)"],
        ["Naviera Rut 100200", "Naviera Rut 100300"],
        ["9123-4567 Québec inc.", "9123-4568 Québec inc."],
        ["First Norte Inc /ME/", "First Norte Inc /PR/"],
        ["Norte SL (Madrid)", "Norte SL (Sevilla)", "Norte Grupo Sucursal Films SL"],
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
