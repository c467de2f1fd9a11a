"""What the company key promises: one company one key, two companies two keys."""

import subprocess
import sys
import unicodedata

import pytest

from orchestrator.identity import MAX_KEY_LENGTH, InvalidCompanyName, company_key, parse_name
from orchestrator.identity.writing import is_younger, split_words

ONE_COMPANY = {
    # Spain, Latin America, Portugal, Brazil
    "telefonica": ["Telefónica, S.A.", "TELEFONICA S A", "Telefonica S. A.", "telefónica s/a"],
    "grupo_bimbo": ["Grupo Bimbo, S.A.B. de C.V.", "GRUPO BIMBO SAB DE CV", "Grupo Bimbo"],
    "distribuidora_centro": [
        "Distribuidora Centro, S. de R. L. de C. V.",
        "DISTRIBUIDORA CENTRO S DE RL DE CV",
    ],
    "credito_real": [
        "Crédito Real S.A.B. de C.V., S.O.F.O.M., E.R.",
        "CREDITO REAL SAB DE CV SOFOM ER",
    ],
    "agricola_norte_spr": ["Agrícola Norte S.P.R. de R.L.", "AGRICOLA NORTE SPR DE RL"],
    "empresas_polar": ["Empresas Polar, C.A.", "EMPRESAS POLAR C A", "Empresas Polar"],
    "pronaca": ["Pronaca Cía. Ltda.", "PRONACA COMPAÑIA LIMITADA", "Pronaca C. Ltda."],
    "interconexion_electrica": ["Interconexión Eléctrica S.A. E.S.P.", "INTERCONEXION ELECTRICA"],
    "agrosuper": ["Agrosuper SpA", "AGROSUPER S.P.A."],
    "cafe_oro": ["Café Oro, C. por A.", "CAFE ORO C POR A"],
    "inversiones_sur": ["Inversiones Sur E.I.R.L.", "INVERSIONES SUR EIRL"],
    "mercadona": ["Mercadona S.A. (Sociedad Unipersonal)", "MERCADONA S A U", "Mercadona"],
    "talleres_gomez": [
        "Talleres Gómez S.L.",
        "TALLERES GOMEZ S L U",
        "Talleres Gómez SL UNIPERSONAL",
    ],
    "mondragon_scoop": ["Mondragón S. Coop.", "MONDRAGON SOCIEDAD COOPERATIVA"],
    "hermanos_perez": ["Hnos. Pérez SL", "Hermanos Pérez, S.L."],
    "cia_de_aguas": ["Cía. de Aguas", "Compañía de Aguas, S.A.", "COMPANHIA DE AGUAS"],
    "lojas_americanas": ["Lojas Americanas S.A. - Em Recuperação Judicial", "LOJAS AMERICANAS"],
    "silva_and_cia": ["Silva & Cia Ltda", "SILVA E COMPANHIA LTDA. - ME"],
    "sousa": ["Sousa, Unipessoal Lda.", "SOUSA - SOCIEDADE UNIPESSOAL, LDA"],
    "jeronimo_martins_sgps": ["Jerónimo Martins, SGPS, S.A.", "JERONIMO MARTINS S.G.P.S. SA"],
    # English
    "delta_air_lines": ["Delta Air Lines, Inc.", "The Delta Air Lines", "DELTA  AIR\tLINES INC"],
    "coca_cola": ["The Coca-Cola Company", "Coca Cola Co.", "Coca\u2010Cola Company (The)"],
    "procter_and_gamble": [
        "Procter &amp; Gamble Co.",
        "PROCTER AND GAMBLE",
        "Procter &amp;amp; Gamble",
    ],
    "pena_blanca": ["Peña Blanca", "PE&NTILDE;A BLANCA", "Pe&#241;a Blanca", "Pena Blanca SL"],
    "grupo5": ["Grupo 5", "GRUPO5", "Grupo \u0665"],
    "formula_and_1": ["Formula & 1", "Formula y 1 SL"],
    "at_and_t": ["AT&T Inc.", "AT & T", "at and t"],
    "mcdonalds": ["McDonald's Corporation", "McDonalds Corp.", "McDonald\u2019s"],
    "ibm": ["I.B.M.", "I B M Corp.", "IBM"],
    "infosys": ["Infosys (Private) Limited", "Infosys Pvt. Ltd.", "INFOSYS (P) LTD"],
    "cooperative_group": ["Co-operative Group Limited", "Cooperative Group"],
    # German, French, Italian, Dutch, Nordic
    "muller": ["Müller GmbH & Co. KG", "MULLER GmbH und Co KG", "Müller GmbH u. Co. KG"],
    "siemens": ["Siemens AG", "Siemens Aktiengesellschaft"],
    "loreal": ["L'Oréal S.A.", "L Oréal", "L\u00b4OREAL", "Loreal"],
    "boulangerie_paul": ["SARL Boulangerie Paul", "Boulangerie Paul S.à r.l."],
    "ferrero": ["Ferrero S.p.A.", "FERRERO SOCIETA' PER AZIONI", "Ferrero Società per Azioni"],
    "officine_rossi": ["Officine Rossi S.r.l. a socio unico", "OFFICINE ROSSI SRL"],
    "asml_holding": ["ASML Holding N.V.", "ASML HOLDING NV"],
    "volvo": ["Volvo AB (publ)", "Volvo Aktiebolag"],
    "kobenhavns_lufthavne": ["Københavns Lufthavne A/S", "KOBENHAVNS LUFTHAVNE AS"],
    # Eastern Europe, Turkey, Greece, Russia
    "allegro": ["Allegro Sp. z o. o.", "ALLEGRO SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ"],
    "alza_cz": ["Alza.cz s.r.o.", "ALZA.CZ, spol. s r. o."],
    "dedeman": ["Dedeman S.R.L.", "DEDEMAN SRL", "Dedeman Societate cu Răspundere Limitată"],
    "koc_holding": ["Koç Holding A.Ş.", "KOÇ HOLDİNG ANONİM ŞİRKETİ"],
    "ελληνικα_πετρελαια": ["Ελληνικά Πετρέλαια Ανώνυμη Εταιρεία", "ΕΛΛΗΝΙΚΑ ΠΕΤΡΕΛΑΙΑ"],
    "газпром": ["ПАО «Газпром»", "Публичное акционерное общество Газпром", "ГАЗПРОМ"],
    "maxima_lt": ['UAB "Maxima LT"', "MAXIMA LT, UAB", "UAB Maxima LT, UAB"],
    # Asia, Middle East
    "トヨタ自動車": [
        "トヨタ自動車株式会社",
        "㈱トヨタ自動車",
        "トヨタ自動車\uff08株\uff09",
        "トヨタ 自動車",
    ],
    "삼성전자": ["삼성전자주식회사", "㈜삼성전자", "주식회사 삼성전자"],
    "华为技术": ["华为技术有限公司", "华为技术"],
    "المراعي": ["شركة المراعي", "المراعي"],
    "טבע": ['טבע בע"מ', "טבע בע״מ"],
    "bank_central_asia": ["PT Bank Central Asia Tbk", "BANK CENTRAL ASIA TBK, PT"],
    "sony": ["\uff33\uff4f\uff4e\uff59\u3000\uff23\uff4f\uff52\uff50\uff0e", "Sony Corporation"],
    "yield10_bioscience": ["Yield10 Bioscience, Inc.", "YIELD 10 BIOSCIENCE"],
}


@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key, names in ONE_COMPANY.items() for name in names]
)
def test_writings_of_one_company_share_a_readable_key(key: str, name: str) -> None:
    """Accents, case, initials, legal forms and articles make no second purchase."""
    assert company_key(name) == key


@pytest.mark.parametrize(
    "names",
    [
        ["Urban Spa SL", "Urban SL"],
        ["AS Roma S.p.A.", "Roma Calcio S.r.l.", "Roma"],
        ["SC Johnson & Son, Inc.", "Johnson & Son"],
        ["PT Solutions LLC", "Solutions LLC"],
        ["A+ Industries", "A Industries", "A1 Industries", "AA Industries"],
        ["C++ Consulting SL", "C# Consulting SL", "C Consulting SL"],
        ["1&1", "1+1", "11", "1 1"],
        ["Tiffany & Co.", "Tiffany"],
        ["Pérez y Cía. SL", "Pérez SL", "Pérez y Pérez SL"],
        ["The Limited", "Limited Brands", "The"],
        ["West Trade", "W.E.S.T. Trade"],
        ["Talleres A B SL", "Talleres SL"],
        ["La Caixa", "Caixa"],
        ["& Other Stories", "And Other Stories"],
        ["Full Service Soc. Coop.", "Full Service S.r.l."],
        ["Ñ", "N", "Ñandú"],
        ["Inversiones 1 SpA", "Inversiones 11 SpA", "Inversiones I y II SpA", "Inversiones Uno"],
        ["中国银行股份有限公司", "中国工商银行股份有限公司"],
        ["Газпром нефть", "Газпромбанк", "Газпром"],
        ["🚀", "🚀🚀", "&", "+", "#", "---", "@"],
        ["S.A.", "S.L.", "Inc", "Co.", "S.A. de C.V.", "株式会社"],
    ],
)
def test_companies_that_look_alike_keep_their_own_keys(names: list[str]) -> None:
    """A false merge shows a customer another company's data, so a doubt is a split."""
    keys = [company_key(name) for name in names]

    assert len(set(keys)) == len(names), keys


@pytest.mark.parametrize(
    "name", ["", "   ", "\u00a0\u200b", "\t\r\n", "\ufeff", "\u3164", "&#8203;"]
)
def test_a_blank_name_has_no_key(name: str) -> None:
    """Nothing visible is refused, with the reason in the message."""
    with pytest.raises(InvalidCompanyName, match="blank") as caught:
        company_key(name)

    assert caught.value.args == (name, "it is blank")


@pytest.mark.parametrize(
    ("name", "key"),
    [("S.A. de C.V.", "sa_de_cv"), ("Inc.", "inc"), ("Group", "group"), ("The S.A.", "the_sa")],
)
def test_a_name_is_never_stripped_to_nothing(name: str, key: str) -> None:
    """A name that is only a legal form keeps it."""
    assert company_key(name) == key


def test_a_long_name_is_bounded_by_its_digest() -> None:
    """Two long names that differ anywhere have two keys, both short and readable in front."""
    one, two = (company_key(f"Banco {'x' * 5000} {name} SA") for name in ("Uno", "Dos"))

    assert one != two
    assert one.startswith("banco_")
    assert len(one) <= MAX_KEY_LENGTH
    assert company_key(one) == one


def test_a_bounded_key_is_taken_as_it_is() -> None:
    """The cut may fall into initials that stay apart; a key is not read as a name then."""
    key = company_key(f"{'x' * 62} W.E.S.T. {'y' * 60}")

    assert company_key(key) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [("Urban Spa SL", "urban_spa_sl"), ("OJSC Solutions LLC", "ojsc_solutions_llc")],
)
def test_forms_that_contradict_each_other_stay(name: str, key: str) -> None:
    """One of the two may be part of the name, and the key cannot know which."""
    assert company_key(name) == key


def test_a_long_name_made_of_symbols_is_bounded_too() -> None:
    """Twenty thousand dots are one short key, which is not that of one dot more."""
    assert len(company_key("." * 20_000)) <= MAX_KEY_LENGTH
    assert company_key("." * 20_000) != company_key("." * 20_001)


@pytest.mark.parametrize("unit", ["S.A. ", "Ltd ", "the ", "a.e.", "x y ", "&a", "&amp;", "ПАО "])
def test_the_time_grows_with_the_length_only(unit: str) -> None:
    """A hostile name of 100,000 characters ends: quadratic work would outlast the timeout."""
    assert len(company_key(unit * (100_000 // len(unit)))) <= MAX_KEY_LENGTH


def test_keys_are_the_same_in_every_process() -> None:
    """No key depends on the hash seed, so all workers find each other's entries."""
    code = "from orchestrator.identity import company_key as k; print(ascii([k(n) for n in %r]))"
    names = [names[0] for names in ONE_COMPANY.values()]

    outputs = {
        subprocess.run(
            [sys.executable, "-c", code % names],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(outputs) == 1


def test_what_was_taken_off_is_told() -> None:
    """The legal form and every removal have their text and the table's line behind them."""
    parsed = parse_name("  The Grupo&nbsp;Bimbo,  S.A.B. de C.V. (en liquidación) ")

    assert parsed.key == "grupo_bimbo"
    assert parsed.display_name == "The Grupo Bimbo, S.A.B. de C.V. (en liquidación)"
    assert parsed.legal_form == "S.A.B. de C.V."
    assert [(r.text, r.form.label, r.form.kind) for r in parsed.removed] == [
        ("the", "The", "note"),
        ("en liquidacion", "En liquidacion", "note"),
        ("s a b de c v", "S.A.B. de C.V.", "form"),
    ]
    assert parsed.distinctive


def test_a_form_that_stays_is_named_but_not_removed() -> None:
    """A cooperative is another body than its sister company, so its form stays in the key."""
    parsed = parse_name("Mondragón Sociedad Cooperativa")

    assert (parsed.key, parsed.legal_form, parsed.removed) == ("mondragon_scoop", "S.Coop.", ())


def test_contradicting_forms_are_left_in_the_name() -> None:
    """Where one of two forms may be part of the name, nothing is removed."""
    parsed = parse_name("Urban Spa SL")

    assert (parsed.key, parsed.legal_form, parsed.removed) == ("urban_spa_sl", None, ())


@pytest.mark.parametrize(
    "name", ["S.A.", "S.A. de C.V.", "Limited", "The S.A.", "株式会社", "&", "---", "🚀", "+ #"]
)
def test_a_bare_form_or_symbol_is_not_distinctive(name: str) -> None:
    """Nothing may be bought for such a name alone."""
    assert not parse_name(name).distinctive


@pytest.mark.parametrize("name", ["Telefónica, S.A.", "3M", "A+", "Ñ", "Group", "銀行"])
def test_a_name_of_its_own_is_distinctive(name: str) -> None:
    """One letter or number is enough for a name."""
    assert parse_name(name).distinctive


def test_the_parsed_key_is_the_company_key() -> None:
    """There is one way from a name to its key."""
    for name in ("H&M Hennes & Mauritz AB (publ)", "!!!", "Ñ", "x" * 500):
        assert parse_name(name).key == company_key(name)


def test_a_blank_name_is_refused() -> None:
    """A row without a name is reported, with the name as given."""
    with pytest.raises(InvalidCompanyName) as caught:
        parse_name(" \u200b")

    assert str(caught.value) == "' \\u200b' is not a company name: it is blank"


#: Code points that Unicode 14 assigns, those of private use and surrogates among them.
ASSIGNED_IN_14 = 284_278


def test_no_python_knows_a_character_that_the_list_does_not() -> None:
    """A Python with a newer Unicode fails here; then the characters it adds join the list."""
    known = sum(
        unicodedata.category(c) != "Cn" and not is_younger(c)
        for c in map(chr, range(sys.maxunicode + 1))
    )

    assert known == ASSIGNED_IN_14, unicodedata.unidata_version


@pytest.mark.parametrize("younger", ["\u0c5c", "\U00016d67", "\U00010d50", "\U0001e030"])
def test_a_younger_character_separates_words(younger: str) -> None:
    """3.11 files it as unassigned, a newer Python as a letter or a sign; both make one key."""
    assert split_words(f"Casa{younger}Blanca") == ["casa", "blanca"]
    assert company_key(f"Casa {younger} Blanca") == "casa_blanca"


def test_a_name_of_younger_characters_is_blank() -> None:
    """Nothing is shown of it on the oldest Python, so it has no key on any."""
    with pytest.raises(InvalidCompanyName):
        company_key("\U0001fadf\u1b7f")
