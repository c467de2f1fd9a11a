"""Which sector a text or a category speaks of."""

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cdao.vocabulary import Sector
from orchestrator.evidence import sectors
from orchestrator.evidence.sectors import (
    LANGUAGES,
    LearnedTable,
    Scale,
    WordListError,
    guess_language,
    read_word_list,
    sector_in_text,
    sector_of_category,
    singular,
)

LISTS = ("sector_words.tsv", "sector_categories.tsv")

TEXTS = [
    ("es", "food_and_beverages", "Bodega familiar que elabora vinos y quesos en La Rioja."),
    ("es", "construction", "Empresa constructora: obra civil, edificación y reformas."),
    ("es", "healthcare", "Clínica dental con odontólogos y ortodoncia en el centro."),
    ("es", "insurance", "Correduría de seguros de vida, hogar y salud para familias."),
    ("es", "logistics", "Transporte de mercancías por carretera y almacenaje."),
    ("es", "textile", "Confección de ropa laboral, uniformes y tejidos técnicos."),
    ("es", "tourism", "Agencia de viajes con hoteles y excursiones por el Caribe."),
    ("es", "energy", "Instalamos paneles solares y proyectos de energía eólica."),
    ("es", "real_estate", "Inmobiliaria con venta de pisos y alquiler de viviendas."),
    ("es", "education", "Escuela de idiomas con cursos para alumnos de primaria."),
    ("es", "agriculture", "Cultivo de cereales y ganadería; cosecha propia de semillas."),
    ("es", "public_administration", "Ayuntamiento de Villasol: trámites municipales y alcaldía."),
    ("es", "technology", "Desarrollo de software y ciberseguridad en la nube para empresas."),
    ("pt", "construction", "Construtora com obras civis e construção de edifícios."),
    ("pt", "banking", "Banco digital com conta corrente, cartões de crédito e empréstimos."),
    ("pt", "healthcare", "Hospital com exames de diagnóstico e médicos para cada paciente."),
    ("pt", "food_and_beverages", "Cervejaria artesanal e restaurante com pizzas e sobremesas."),
    ("pt", "textile", "Confecção de roupas e tecidos de algodão em Blumenau."),
    ("pt", "energy", "Geração de energia solar e distribuição de energia elétrica."),
    ("pt", "insurance", "Corretora de seguros de vida e de automóveis; apólices rápidas."),
    ("pt", "education", "Escola de ensino médio com professores e alunos bolsistas."),
    ("pt", "logistics", "Transportadora de cargas: frete rodoviário e armazenagem."),
    ("pt", "pharma", "Laboratório farmacêutico que produz medicamentos e vacinas."),
    ("pt", "tourism", "Pousada e agência de viagens com passeios turísticos."),
    ("pt", "agriculture", "Fazenda de soja e pecuária; agricultores e safra recorde."),
    ("pt", "public_administration", "Prefeitura Municipal: secretaria municipal de obras."),
    ("en", "insurance", "We underwrite motor insurance, life insurance and reinsurance."),
    ("en", "food_and_beverages", "A family bakery and restaurant that serves pizza and coffee."),
    ("en", "healthcare", "Our hospital and dental clinic treat patients with modern surgery."),
    ("en", "banking", "The bank takes deposits and provides loans and mortgage lending."),
    ("en", "construction", "A general contractor for civil engineering and concrete roofing."),
    ("en", "education", "The university offers courses and degrees to students."),
    ("en", "logistics", "Freight forwarding, trucking and warehousing across Europe."),
    ("en", "energy", "It operates wind farms and solar power plants, selling electricity."),
    ("en", "textile", "A maker of garments, yarn and knitted fabrics for apparel brands."),
    ("en", "real_estate", "A real estate trust that leases apartments and office buildings."),
    ("en", "telecommunications", "Broadband and mobile network operator with fiber optic lines."),
    ("en", "tourism", "Hotels and resorts for vacation guests, with cruise bookings."),
]

PAGES = [
    (
        "retail",
        """# Welcome to Maple Home
Shop our range of sofas and lamps. Free delivery on orders over 50. Visit our stores in York.
Add to cart | Returns | Privacy policy""",
    ),
    (
        "logistics",
        """Inicio | Servicios | Contacto
Transportes Arenal: transporte nacional de mercancías y cargas completas. Flota propia.
Aviso legal | Política de privacidad | Utilizamos cookies propias y de terceros.""",
    ),
    (
        "professional_services",
        """## Quem somos
Escritório de contabilidade em Curitiba: folha de pagamento e imposto de renda.
Todos os direitos reservados. Política de privacidade.""",
    ),
]

CATEGORIES = [
    ("es", "Tienda de ropa de montaña", Sector.RETAIL),
    ("es", "Tienda de neumáticos", Sector.AUTOMOTIVE),
    ("es", "Fabricante de bebidas", Sector.FOOD_AND_BEVERAGES),
    ("es", "Escuela de hostelería", Sector.EDUCATION),
    ("es", "Museo del vino", None),
    ("es", "Parque de bomberos", Sector.PUBLIC_ADMINISTRATION),
    ("pt", "Loja de brinquedos", Sector.RETAIL),
    ("pt", "Banco de sangue", Sector.HEALTHCARE),
    ("pt", "Fabricante de máquinas agrícolas", Sector.AGRICULTURE),
    ("pt", "Igreja matriz", None),
    ("en", "Tire shop", Sector.AUTOMOTIVE),
    ("en", "Medical school", Sector.EDUCATION),
    ("en", "Teaching hospital", Sector.HEALTHCARE),
    ("en", "Chess club", None),
    (None, "Padaria", Sector.FOOD_AND_BEVERAGES),
    (None, "Something unheard of", None),
]


@pytest.mark.parametrize(("language", "sector", "text"), TEXTS)
def test_the_sector_of_a_text(language: str, sector: str, text: str) -> None:
    """A text that is plain about it names its sector, quoted from where it says so."""
    guess = sector_in_text(text, language=language)

    assert guess is not None
    assert guess.sector == sector
    assert guess.quote in text
    assert 0.5 < guess.confidence < 1


@pytest.mark.parametrize(("sector", "page"), PAGES)
def test_the_sector_of_a_page(sector: str, page: str) -> None:
    """Menus and legal notices do not hide what a page says; its language is guessed."""
    guess = sector_in_text(page)

    assert guess is not None
    assert guess.sector == sector
    assert guess.quote in page
    assert "olítica" not in guess.quote


@pytest.mark.parametrize(("language", "category", "sector"), CATEGORIES)
def test_the_sector_of_a_category(
    language: str | None, category: str, sector: Sector | None
) -> None:
    """The strongest word of a category decides; what is in no sector of ours has no answer."""
    guess = sector_of_category(category, language=language)

    assert (guess and guess.sector) == sector
    assert guess is None or guess.quote == category


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "Bienvenidos a nuestra página. Llevamos 30 años contigo.",
        "We are glad to meet you. Call us any time.",
        "Parroquia de San Juan: misa los domingos, donaciones y voluntarios.",
        "A non profit church with a parish hall.",
        "Restaurante, seguros, hotel, textiles y construcciones; escuela.",
    ],
)
def test_no_answer_when_a_text_says_too_little(text: str) -> None:
    """Small talk, what is in no sector, and a text about several sectors get no sector."""
    assert sector_in_text(text) is None


@pytest.mark.parametrize(("language", "sector", "text"), TEXTS)
def test_a_neutral_sentence_changes_no_sector(language: str, sector: str, text: str) -> None:
    """What says nothing about a sector may make the answer less sure, but not another."""
    plain = {
        "es": "Estamos en el centro y abrimos de lunes a viernes.",
        "pt": "Estamos no centro e abrimos de segunda a sexta.",
        "en": "You find us downtown from Monday to Friday.",
    }
    for longer in (f"{text} {plain[language]}", f"{plain[language]} {text}"):
        guess = sector_in_text(longer, language=language)

        assert guess is None or guess.sector == sector


def test_most_neutral_sentences_leave_the_answer() -> None:
    """Nor does a neutral sentence silence a text in Spanish or Portuguese."""
    for language, sector, text in TEXTS:
        if language != "en":
            guess = sector_in_text(f"{text} Abrimos a las nueve.", language=language)

            assert guess is not None, text
            assert guess.sector == sector


def test_a_name_alone_proves_nothing() -> None:
    """The text itself must speak of the sector that the company's name suggests."""
    text = "Somos una empresa joven con sede en Quito."

    assert sector_in_text(text, language="es", name="Hoteles y Hostales del Sur") is None


def test_a_name_adds_to_what_the_text_says() -> None:
    """A text that is too short to be sure becomes sure with the name."""
    text = "Reservas abiertas todo el año."

    assert sector_in_text(text, language="es") is None
    guess = sector_in_text(text, language="es", name="Hotel Bahía")

    assert guess is not None
    assert guess.sector is Sector.TOURISM
    assert guess.quote == text


def test_the_quote_is_the_sentence_that_tells_most() -> None:
    """Of several sentences the most telling one is quoted, without those around it."""
    text = "Bienvenidos. Bodega de vinos y cervezas. Abrimos los lunes."

    guess = sector_in_text(text, language="es")

    assert guess is not None
    assert guess.quote == "Bodega de vinos y cervezas."


@given(st.text(max_size=400), st.sampled_from([*TEXTS]), st.text(max_size=20))
def test_hostile_text_never_fails(noise: str, row: tuple[str, str, str], name: str) -> None:
    """Any characters may stand around; a quote still stands in the text, twice the same."""
    text = f"{noise}\n{row[2]}\x00{noise}\ud800"

    guess = sector_in_text(text, name=name)

    assert guess == sector_in_text(text, name=name)
    assert guess is None or guess.quote in text
    sector_of_category(noise)


def test_a_text_is_read_up_to_a_bound() -> None:
    """What stands behind the first 8,000 characters changes nothing."""
    text = ("Bodega de vinos. " * 1_000)[:8_000]

    assert sector_in_text(text, language="es") == sector_in_text(
        text + " Seguros." * 5_000, language="es"
    )


def test_a_long_sentence_is_quoted_in_part() -> None:
    """A text without full stops gives a quote of a size that a person reads."""
    text = "vinos y cervezas de la casa con mucha calma " * 100

    guess = sector_in_text(text, language="es")

    assert guess is not None
    assert len(guess.quote) <= 300
    assert guess.quote in text


def test_the_language_is_guessed() -> None:
    """Common words tell the language."""
    assert guess_language("La empresa de los vinos y las cervezas") == "es"
    assert guess_language("A empresa dos vinhos e das cervejas") == "pt"
    assert guess_language("The company of the wines and beers") == "en"


@pytest.mark.parametrize("name", LISTS)
def test_each_sector_has_words_in_each_language(name: str) -> None:
    """The packaged lists can be read and speak of every sector."""
    text = resources.files(sectors.__package__).joinpath("data", name).read_text("utf-8")

    for language, entries in read_word_list(text, name).items():
        assert {entry.label for entry in entries} >= set(Sector), language


def test_the_learned_table_is_small_and_well_formed() -> None:
    """It has known sectors only, no word twice, and stays a small file."""
    text = (
        resources.files(sectors.__package__)
        .joinpath("data", "sector_weights.en.tsv")
        .read_text("utf-8")
    )
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    labels = {cell.split(":")[0] for _, _, cells in lines for cell in cells.split()}

    assert len(text) < 300_000
    assert "MIT" in text.split("\n(bias)")[0]
    assert labels <= set(Sector)
    assert len({word for word, _, _ in lines}) == len(lines) > 1_000


def test_every_wrong_line_is_named() -> None:
    """A person who edits a list sees each wrong line with its fault, all at once."""
    wrong = [
        "# comment",
        "cookery\t3\tes\tpan",
        "retail\t3\tes\tÓptica",
        "retail\tmuch\tes\toptica",
        "retail\t3\tfr\tboutique",
        "retail\t3\ttienda",
        "retail\t3\tes\ttienda; tienda",
        "retail\t3\tes\t",
        "retail\t3\t*\tshop",
    ]
    with pytest.raises(WordListError) as caught:
        read_word_list("\n".join(wrong), "words.tsv")

    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        f"words.tsv, line {number}" for number in range(2, 9)
    ]
    assert "'cookery' is no sector" in str(caught.value)


def test_the_longest_entry_counts_alone() -> None:
    """A blood bank ("banco de sangre") is no bank, although "banco" is one."""
    text = "banking\t5\tes\tbanco\nhealthcare\t5\tes\tbanco de sangr*"
    words = sectors.WordList(read_word_list(text, "words.tsv")["es"])

    found = [(at, entry.label) for at, entry in words.find(["banco", "de", "sangre", "y", "banco"])]

    assert found == [(0, "healthcare"), (4, "banking")]


def test_learned_points_do_not_depend_on_the_order() -> None:
    """The sum is one of words, each less telling when repeated; unknown ones say nothing."""
    table = LearnedTable("(bias)\t0\tretail:1\nshop\t500\tretail:30\nbank\t500\tbanking:40")

    assert table.points(["shops", "bank", "xyz"]) == table.points(["bank", "shop"])
    assert table.points(["xyz"]) == {}
    once, twice = table.points(["bank"]), table.points(["bank", "bank"])
    assert once["banking"] < twice["banking"] < 2 * once["banking"]


def test_confidence_rises_between_the_points_of_a_scale() -> None:
    """Below the first there is none; behind the last it stays."""
    scale = Scale(((0.4, 0.8), (0.6, 0.9)))

    assert [scale.confidence(score) for score in (0.39, 0.4, 0.5, 0.6, 1.0)] == [
        None,
        0.8,
        0.85,
        0.9,
        0.9,
    ]


@pytest.mark.parametrize("name", [*LANGUAGES, "category"])
def test_the_packaged_scales_rise(name: str) -> None:
    """A higher score is never less sure."""
    points = sectors.scale(name).points

    assert list(points) == sorted(points)
    assert [share for _, share in points] == sorted(share for _, share in points)
    assert all(0 < share < 1 for _, share in points)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("banks", "bank"), ("companies", "company"), ("glass", "glass"), ("gas", "gas")],
)
def test_the_singular_of_a_word(word: str, expected: str) -> None:
    """Plurals count as their singular."""
    assert singular(word) == expected
