"""The rewritings that a form, a file or a person makes of one name, one by one."""

import html

import pytest

from orchestrator.identity import company_key

REWRITINGS = {
    "case": ["Peña Blanca", "PEÑA BLANCA", "peña blanca", "pEÑA bLANCA"],
    "case of special letters": ["Straße Fuß", "STRASSE FUSS", "STRAẞE FUẞ", "straße fuß"],
    "Turkish i": ["İstanbul Il\u0131ca", "istanbul ilica", "ISTANBUL ILICA", "İSTANBUL ILICA"],
    "Greek sigma": ["Όμιλος Ελλάς", "ΟΜΙΛΟΣ ΕΛΛΑΣ", "όμιλοσ ελλάσ"],
    "accents": ["Año Más Güell", "Ano Mas Guell", "An\u0303o Ma\u0301s Gu\u0308ell"],
    "letters with strokes": ["Ørsted Łódź Đuro", "Orsted Lodz Duro"],
    "ligatures": ["Ægir Œuvre ﬁnal", "AEgir OEuvre final"],
    "full width": ["\uff21\uff43\uff4d\uff45\u3000\uff12\uff11", "Acme 21", "Acme\u300021"],
    "half width": ["ﾄﾖﾀ ｶﾞﾗｽ", "トヨタ ガラス", "トヨタガラス"],
    "white space": ["Casa Blanca", " Casa\u00a0 Blanca ", "Casa\tBlanca\r\n", "Casa\u2003Blanca"],
    "zero width": [
        "Casa Blanca",
        "Ca\u200bsa Blan\u00adca",
        "\ufeffCasa Blanca\u200e",
        "Casa Bl\u2060anca",
    ],
    "control characters": ["Casa Blanca", "Casa Blanca\x00", "Ca\x07sa Blanca", "Casa\x0bBlanca"],
    "variation selectors": ["Casa Blanca", "Casa\ufe0f Blanca"],
    "named entities": [
        "Peña & Años",
        "Pe&ntilde;a &amp; A&ntilde;os",
        "PE&NTILDE;A &AMP; A&Ntilde;OS",
    ],
    "numbered entities": [
        "Peña & Años",
        "Pe&#241;a &#38; A&#xF1;os",
        "Pe&#xf1;a &#x26; A&#0241;os",
    ],
    "entities twice": ["Peña & Años", "Pe&amp;ntilde;a &amp;amp; A&amp;#241;os"],
    "quotes": ["Casa Blanca", '"Casa Blanca"', "«Casa Blanca»", "“Casa” Blanca", "„Casa Blanca“"],
    "apostrophes": [
        "L'Oréal",
        "L\u2019Oréal",
        "LOréal",
        "L\u00b4Oréal",
        "L`Oréal",
        "L Oréal",
        "L&#39;Oréal",
    ],
    "dashes": [
        "Coca-Cola",
        "Coca Cola",
        "Coca\u2013Cola",
        "Coca\u2010Cola",
        "Coca_Cola",
        "Coca/Cola",
    ],
    "punctuation": [
        "Casa Blanca",
        "Casa, Blanca.",
        "(Casa) Blanca",
        "Casa: Blanca;",
        "¡Casa Blanca!",
    ],
    "marks of registration": ["Casa Blanca", "Casa® Blanca™", "© Casa Blanca"],
    "dotted initials": ["IBM Iberia", "I.B.M. Iberia", "I. B. M. Iberia", "I B M Iberia"],
    "a letter after a sign": ["PG&E Corporation", "PG & E Corp.", "PG and E"],
    "a letter before a sign": ["Petro E&P Ltd", "PETRO E & P Limited", "Petro E and P"],
    "initials with a y": ["C Y C Obras", "C y C Obras", "C & C Obras", "C&C Obras"],
    "conjunctions": [
        "Sol & Mar",
        "Sol y Mar",
        "Sol and Mar",
        "Sol e Mar",
        "Sol et Mar",
        "Sol und Mar",
    ],
    "leading article": ["Delta Lines", "The Delta Lines", "Delta Lines (The)", "DELTA LINES, THE"],
    "family words": ["Hermanos Ruiz", "Hnos. Ruiz", "HNOS RUIZ"],
    "company words": ["Compañía del Sur", "Cía. del Sur", "CIA DEL SUR", "Companhia del Sur"],
    "a torn word": ["Faro Construcciones", "Faro Construc ciones", "Faro Cons trucciones SL"],
    "a word in two": ["Autoescuela Faro", "Auto Escuela Faro", "Auto-Escuela Faro, S.L."],
    "a glued noun": ["Faro Soluciones", "FaroSoluciones", "FAROSOLUCIONES S.L."],
    "a glued noun in English": ["Faro Holdings", "FaroHoldings Ltd", "FAROHOLDINGS"],
    "a combining form": ["Electrofaro Norte", "Electro Faro Norte", "Electro-Faro Norte SA"],
    "and between nouns": [
        "Bar e Restaurante Faro",
        "Bar Restaurante Faro",
        "Bar & Restaurante Faro Ltda",
    ],
    "and between short nouns": [
        "Faro Ind. e Com. Ltda",
        "Faro Ind. Com.",
        "Faro Ind. & Com. Ltda ME",
    ],
    "the size of a Brazilian company": ["Faro Ltda", "Faro Ltda - EPP", "FARO LTDA ME", "Faro"],
    "a lost apostrophe": ["Lake's Bar", "Lake\u00bfs Bar", "Lakes Bar"],
    "numbers": ["Grupo 5", "Grupo5", "Grupo \u0665", "Grupo \uff15"],
    "form, dotted and spaced": [
        "Casa",
        "Casa S.A.",
        "Casa S. A.",
        "CASA S A",
        "Casa, SA",
        "Casa S/A",
        "Casa S.A",
    ],
    "form with capital": ["Casa", "Casa S.A. de C.V.", "CASA SA DE CV", "Casa, S. A. de C. V."],
    "form, long": ["Casa", "Casa Sociedad Anónima", "CASA SOCIEDAD ANONIMA", "Casa Soc. Anónima"],
    "form, twice": ["Casa", "Casa S.L. S.L.", "Casa, S.L. (Sociedad Limitada)"],
    "form and remark": ["Casa", "Casa S.L. en liquidación", "Casa S.L.U. (Sociedad Unipersonal)"],
    "glued initials": ["D. E. Faro & Cía", "D.E.Faro y Cía.", "D.E. Faro e Cia Ltda"],
    "a glued form": ["Faro", "Faro S.R.Ltda.", "Faro S.R.L.", "FARO S.A.DE C.V."],
    "a form behind a word that nouns follow": ["Posto Faro do Pará", "Posto Faro do Pará Ltda"],
    "an article at the end": ["The Faro Group", "Faro Group (The) PLC", "Faro Group, The"],
    "an insurer": [
        "Faro S.A. de Seguros y Reaseguros",
        "Faro, Sociedad Anónima de Seguros y Reaseguros",
        "FARO SA, DE SEGUROS Y REASEGUROS",
    ],
    "a cooperative of a region": [
        "Faro S. Coop. Astur.",
        "Faro, Sociedad Cooperativa Asturiana",
        "Faro Soc. Coop. Asturiana",
    ],
    "form before and after": ["Газпром", "ПАО «Газпром»", "Газпром ПАО", "ПАО Газпром, ПАО"],
}


@pytest.mark.parametrize("writings", REWRITINGS.values(), ids=REWRITINGS.keys())
def test_a_rewriting_leaves_the_key_alone(writings: list[str]) -> None:
    """In every way of typing or exporting its name, a company is bought once."""
    assert len({company_key(writing) for writing in writings}) == 1, [
        (writing, company_key(writing)) for writing in writings
    ]


@pytest.mark.parametrize("writings", REWRITINGS.values(), ids=REWRITINGS.keys())
def test_rewritings_add_up(writings: list[str]) -> None:
    """An upper-cased, escaped, quoted, spaced export of any of them is still the same company."""
    plain = [writing for writing in writings if ";" not in writing]
    keys = {company_key(f'  "{html.escape(writing.upper())}" \u200b') for writing in plain}

    assert keys == {company_key(writings[0])}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Fund I, L.P.", "fund_i"),
        ("Fund I LP", "fund_i"),
        ("Tiger 1-L, L.P.", "tiger1_l"),
        ("Tiger 1-S, L.P.", "tiger1_s"),
        ("Tiger 1 L.L.P.", "tiger1"),
        ("Solar X., s.r.o.", "solar_x"),
        ("Faxe I K/S", "faxe_i_ks"),
        ("Rossi & C. S.N.C.", "rossi_and_c_snc"),
        ("Rossi & C. snc", "rossi_and_c_snc"),
        ("R S S A", "rs"),
        ("Martins S.G.P.S.", "martins_sgps"),
        ("Grupo A S.A.", "grupo_a"),
    ],
)
def test_letters_before_a_form_stay_with_whom_they_belong(name: str, key: str) -> None:
    """The border between two tokens distinguishes a fund's letter from its legal form."""
    assert company_key(name) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ('SIA "Forma Pro"', "forma_pro"),
        ("AS „Forma Pro“", "forma_pro"),
        ("SIA Abrasives", "sia_abrasives"),
        ('SIA "Forma" un SIA "Pro"', "sia_forma_un_sia_pro"),
        ('Hotel "Forma"', "hotel_forma"),
        ("OÜ PT Forma", "ou_pt_forma"),
        ("S.C. Forma S.R.L.", "sc_forma"),
        ("P.T. Forma", "pt_forma"),
        ("P.T. Forma Tbk", "forma"),
        ("P.T.B. Forma", "ptb_forma"),
        ("S.C.I. Forma S.R.L.", "sci_forma"),
    ],
)
def test_a_form_in_front_needs_a_sign(name: str, key: str) -> None:
    """What begins one country's names begins a name of its own in the next."""
    assert company_key(name) == key
