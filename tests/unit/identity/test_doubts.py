"""Where a name can be read in two ways, a doubt is a split: two keys, not one for two companies."""

import pytest
from hypothesis import example, given

from orchestrator.identity import company_key, identify, parse_name, step_key
from tests.support.company_keys import ANYTHING
from tools.key_fuzz import key_or_none


@pytest.mark.parametrize(
    ("initial", "joined"),
    [
        ("Arthur E. Smith Ltd", "Arthur & Smith Ltd"),
        ("Arthur E Smith Ltd", "Arthur and Smith Ltd"),
        ("Edward Y. Chan CPA", "Edward & Chan CPA"),
        ("Clínica E. Pérez", "Clínica y Pérez"),
        ("CLINICA E. PEREZ SL", "CLINICA Y PEREZ SL"),
        ("Bodegas E. Mendoza", "Bodegas & Mendoza"),
        ("Talleres Y. Gómez S.L.", "Talleres y Gómez S.L."),
        ("Juan E. Gómez", "Juan and Gómez"),
        ("Construcciones E. Ortiz SA", "Construcciones y Ortiz SA"),
        ("Robert E. Lee & Sons", "Robert and Lee & Sons"),
        ("Petroecuador E.P.", "Petroecuador & P"),
        ("ABB E-Mobility S.p.A.", "ABB & Mobility S.p.A."),
        ("B/E Aerospace S.r.l.", "B & Aerospace S.r.l."),
    ],
)
def test_an_initial_is_no_conjunction(initial: str, joined: str) -> None:
    """The E of a person and the "and" of a firm belong to two companies."""
    assert company_key(initial) != company_key(joined)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Web 2.0 SL", "Web 20 SL"),
        ("Radio 1.035 FM", "Radio 10.35 FM"),
        ("Bauer GmbH", "Baur GmbH"),
        ("Goethe GmbH", "Gothe GmbH"),
        ("1+1 SL", "11 SL"),
        ("A+ Services", "A & Services"),
        ("K + S AG", "K&S Corporation"),
        ("D. Ávila SL", "Dávila SL"),
        ("Talleres L. Eona", "Talleres Leona"),
        ("B & D Eventos", "B & Deventos"),
        ("O. Hara Ltd", "O'Hara Ltd"),
        ("MC Call Center", "McCall Center"),
        ("MC Lean Consulting", "McLean Consulting"),
        ("O Boticário", "Oboticário"),
        ("D & A Norte", "Dand A Norte"),
    ],
)
def test_signs_and_letters_that_distinguish_names_stay(one: str, other: str) -> None:
    """Only a year loses its point, only listed words have umlauts, a plus of letters stays."""
    assert company_key(one) != company_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Norte Sur SL", "Nortesur SL"),
        ("Sun Flower Ltd", "Sunflower Ltd"),
        ("Bio Faros SRL", "Biofaros SRL"),
        ("Agro Faros SL", "Agrofaros SL"),
        ("Biotechnologies Ltd", "Bio Technologies Ltd"),
        ("Aval Investment S.A.", "Aval Investments A"),
        ("Electro ABC SL", "Electroabc SL"),
        ("Silva e Cunha Ltda", "Silva Cunha Ltda"),
        ("Bar Silva e Cunha", "Bar Silva Cunha"),
        ("Construcciones y Ruiz SL", "Construcciones Ruiz SL"),
        ("Faro Industrial ES", "Faro Industriales"),
        ("Inversiones ME SL", "Inversiones EPP SL"),
        ("Faro SA", "Faro SA de Seguros"),
        ("Residencial Norte (Lote 2)", "Residencial Norte (Lote 3)"),
    ],
)
def test_words_together_or_apart_are_two_names_where_a_register_may_have_both(
    one: str, other: str
) -> None:
    """Only slips of the keyboard and what dictionaries write otherwise come together."""
    assert company_key(one) != company_key(other)


@pytest.mark.parametrize(
    ("name", "country", "key"),
    [
        ("Sol Faro ME", None, "sol_faro_me"),
        ("Sol Faro - ME", "BR", "sol_faro"),
        ("Sol Faro EPP", "BR", "sol_faro"),
        ("Sol Faro ME", "AE", "sol_faro_me"),
        ("Sol Comércio ME", None, "sol_comercio_me"),
        ("Inversiones ME SL", None, "inversiones_me"),
        ("Construções ME Ltda", "BR", "construcoes_me"),
        ("Sol Faro Limitada ME", None, "sol_faro"),
    ],
)
def test_a_note_that_may_be_a_word_needs_a_brazilian_company(
    name: str, country: str | None, key: str
) -> None:
    """ME is a small company in Brazil, and the Middle East everywhere."""
    assert company_key(name, country) == key


def test_a_letter_of_the_form_leaves_the_conjunction_before_it_alone() -> None:
    """The E of `E. M.` has a dot, the one between two words has none."""
    writings = (
        "Faro - Cultura e Faros, E. M.",
        "Faro - Cultura e Faros, E.M.",
        "Faro Cultura & Faros EM",
    )

    assert len({company_key(each) for each in writings}) == 1


def test_a_form_that_a_field_of_thirty_characters_cut_comes_off() -> None:
    """Files of exchanges end so; a name of another length that ends with that word keeps it."""
    name = "Norte Infraestructura X Limite"

    assert (len(name), company_key(name)) == (30, "norte_infraestructura_x")
    assert company_key("Zona Limite") == "zona_limite"


@pytest.mark.parametrize(
    "writings",
    [
        ["Petroecuador EP", "Petroecuador E.P.", "Petroecuador E. P.", "PETROECUADOR E P"],
        ["Consultores Y.M.", "Consultores YM", "Consultores Y. M."],
        ["Colegio E.B.S.", "Colegio EBS"],
        ["Distribuidora Y&M", "Distribuidora Y & M"],
        ["Acme U.S.A.", "Acme USA", "ACME U.S.A. Inc.", "Acme USA, Inc."],
        ["Talleres y Gómez S.L.", "TALLERES Y GOMEZ SL", "Talleres Y Gómez S.L."],
        ["Indústria e Comércio Lda.", "INDUSTRIA E COMERCIO LDA", "Indústria & Comércio Lda."],
        ["Hoteles Dorronsoro e Hijos, E.I.R.L.", "Hoteles Dorronsoro y Hijos, E.I.R.L."],
        ["Petróleo e Industria S.L.", "PETROLEO E INDUSTRIA SL", "Petróleo & Industria S.L."],
        ["Software+Services", "Software & Services", "Software + Services"],
        ["Lowe Cos., Inc.", "Lowe Companies, Inc."],
        ["Soc. Hipotecaria del Sur", "Sociedad Hipotecaria del Sur", "Sdad. Hipotecaria del Sur"],
        ["37signals", "37 Signals", "37Signals, LLC"],
        ["3M", "3 M", "3M Company"],
        ["Büro für Möbel GmbH", "Buero fuer Moebel GmbH", "BURO FUR MOBEL GMBH"],
        ["Gebrüder Weiss & Söhne", "Gebrueder Weiss & Soehne"],
        ["1-800-Flowers", "1800Flowers", "1 800 Flowers"],
        ["Hansen og Sønner A/S", "Hansen & Sønner A/S", "HANSEN OG SØNNER"],
        ["K + S AG", "K+S AG"],
        ["O'Reilly Media", "OReilly Media", "O REILLY MEDIA", "O\u2019Reilly Media"],
        ["McDonald's Corp", "MC DONALDS CORP", "Mc Donald's Corp.", "McDonalds"],
        ["Johnson + Johnson", "Johnson & Johnson", "Johnson+Johnson"],
        ["Hansa GmbH + Co KG", "Hansa GmbH & Co. KG", "Hansa GmbH und Co. KG"],
        ["Faro 2.008 S.L.", "Faro 2008 SL"],
        ["Universität Süd", "Universitaet Sued", "UNIVERSITAET SÜD"],
        ["Garden AG Inc", "Garden AG Incorporated"],
        ["Vodafone Group Public Ltd Co", "Vodafone Group PLC"],
        ["Oy Faro Ab", "Faro Oy", "Oy Faro AB"],
    ],
)
def test_initials_and_signs_are_read_in_every_writing(writings: list[str]) -> None:
    """What stands for one word is one word, dotted, spaced or not."""
    assert len({company_key(name) for name in writings}) == 1, list(map(company_key, writings))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Sol y Sal", "sol_and_sal"),
        ("Minas de Sal", "minas_de_sal"),
        ("Cobre Urban Spa", "cobre_urban_spa"),
        ("Beauty & Spa", "beauty_and_spa"),
        ("HOTEL SPA", "hotel_spa"),
        ("Agrosuper SpA", "agrosuper"),
        ("FERRERO SPA", "ferrero"),
        ("Constructora F.A., S.A. de C.V.", "constructora_fa"),
        ("Constructora V.A., S.A. de C.V.", "constructora_va"),
        ("Fondo V-A", "fondo_va"),
        ("Forma Kft. f.a.", "forma"),
        ("Forma GmbH i.L.", "forma"),
        ("Forma S.r.l. S.B.", "forma"),
        ("PT Solutions", "pt_solutions"),
        ("PT Solutions LLC", "pt_solutions"),
        ("LLC Consulting Group", "llc_consulting_group"),
        ("AB Foods Ltd", "ab_foods"),
        ("TOV Furniture", "tov_furniture"),
        ("UAB Medicine", "uab_medicine"),
        ("PT Sumber Energy", "sumber_energy"),
        ("Faro EV Private Limited", "faro_ev"),
        ("Faro E.V. Private Limited", "faro_ev"),
        ("Faro & Norte EU Ltd", "faro_and_norte_eu"),
        ("Faro & Norte AE Ltd", "faro_and_norte_ae_limited"),
        ("Urban Spa SL", "urban_spa_sl"),
        ("JSC Carpentry", "jsc_carpentry"),
        ('JSC "Carpentry"', "carpentry"),
        ("Carpentry JSC", "carpentry"),
        ("Faro Trucks (SA)", "faro_trucks_sa"),
        ("Faro Trucks (S A)", "faro_trucks_s_a"),
        ("Faro Trucks (S.A.)", "faro_trucks"),
        ("Forma GmbH, mit Sitz in Reinach (AG)", "forma_gmbh_mit_sitz_in_reinach_ag"),
        ("Inversiones BV", "inversiones_bv"),
        ("Inversiones KG", "inversiones_kg"),
        ("Cerrajería AG", "cerrajeria_ag"),
        ("Demoledora AB", "demoledora_ab"),
        ("Kuka AG", "kuka"),
        ("Casa Sal", "casa_sal"),
        ("FARO SAL", "faro"),
        ("Hedging Fund BV", "hedging_fund_bv"),
        ("Hedging Fund AE", "hedging_fund_ae"),
        ("Hedging Fund, L.P.", "hedging_fund"),
        ("Forma BV", "forma"),
        ("Energy C.O. Sp. z o.o.", "energy_c_o"),
        ("t.h.e. Software GmbH", "t_h_e_software"),
    ],
)
def test_a_form_comes_off_only_where_it_is_one(name: str, key: str) -> None:
    """A word, a note of two letters and a form in front may be parts of the name."""
    assert company_key(name) == key


@pytest.mark.parametrize(
    ("name", "country", "key"),
    [
        ("Cobre Urban Spa", "CL", "cobre_urban"),
        ("COBRE URBAN SPA", "ES", "cobre_urban_spa"),
        ("PT Solutions", "ID", "solutions"),
        ("TOV Furniture", "UA", "furniture"),
        ("AB Volvo", "SE", "volvo"),
        ("AB Volvo", "BE", "ab_volvo"),
        ("Inversiones BV", "NL", "inversiones"),
        ("JSC Carpentry", "KZ", "carpentry"),
        ("JSC Carpentry", "FR", "jsc_carpentry"),
        ("Transport G.K.", "FR", "transport_g_k"),
        ("Transport G.K.", "JP", "transport"),
        ("Faro EV", "IN", "faro_ev"),
        ("Faro e.V.", "DE", "faro_ev"),
        ("Faro AG", "FR", "faro"),
        ("Faro Trucks (AB)", "SE", "faro_trucks"),
        ("Mineração E Cimento", "BR", "mineracao_and_cimento"),
        ("Mineração E Cimento", None, "mineracao_e_cimento"),
        ("CLINICA E PEREZ", "ES", "clinica_e_perez"),
        ("Sol Y Mar", "MX", "sol_and_mar"),
    ],
)
def test_the_country_says_which_reading_is_right(name: str, country: str | None, key: str) -> None:
    """A form of the company's own country is one; its language knows its conjunctions."""
    assert company_key(name, country) == key
    assert identify(name, country=country).name_key == key


def test_a_key_of_one_reading_keeps_it() -> None:
    """A key is taken as it is: read as a name again, `cobre_urban_spa` would lose its Spa."""
    for name, country in (("Cobre Urban Spa", "ES"), ("Arthur E. Smith Ltd", None)):
        key = company_key(name, country)

        assert company_key(key) == key == parse_name(key).key
        assert identify(key, country="CL").key == key


@given(ANYTHING)
@example(":")
def test_no_key_contains_a_colon(name: str) -> None:
    """A colon separates a company's key from the step in `surfsense:<key>:<step>`."""
    key = key_or_none(name)

    assert key is None or ":" not in key
    assert key is None or step_key(key, "maps").count(":") == len(("surfsense", "step"))


@pytest.mark.parametrize(
    "cell",
    [
        *("N/A", "n.a.", "none", "Freelance", "Self Employed", "sin empresa", "Autónomo", "TBD"),
        *(
            "#N/A",
            "#REF!",
            "=B2",
            "[object Object]",
            "(en blanco)",
            "+34 911 234 567",
            "12/03/2026",
        ),
        *("Telef\ufffdnica", "911 234 567", "não informado"),
    ],
)
def test_a_cell_that_names_no_company_buys_nothing_without_a_domain(cell: str) -> None:
    """Two people who are self-employed do not share a company."""
    assert identify(cell).is_ambiguous
    assert not identify(cell, domain="norte.test").is_ambiguous


@pytest.mark.parametrize(
    ("cell", "domain"),
    [
        ("https://www.tejidosnorte.test", "tejidosnorte.test"),
        ("www.tejidosnorte.test/es", "tejidosnorte.test"),
        ("ana@tejidosnorte.test", "tejidosnorte.test"),
        ("ana@gmail.com", None),
    ],
)
def test_an_address_in_the_place_of_a_name_serves_as_website(cell: str, domain: str | None) -> None:
    """It says which company is meant, except an address of free mail."""
    assert identify(cell).facts.domain == domain
    assert identify(cell, domain="acme.test").facts.domain == "acme.test"


@pytest.mark.parametrize(
    "name", ["Test Valley SA", "1-800-Flowers", "3M", "21st", "X", "ABC", "Norte.com"]
)
def test_a_name_is_no_placeholder(name: str) -> None:
    """Only a whole cell is one."""
    assert parse_name(name).distinctive
