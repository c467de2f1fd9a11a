"""The words that invented companies are made of. Data only; `invention` combines them."""

from typing import NamedTuple


class Sector(NamedTuple):
    """`activity` completes "empresa de ..."; a key that contains a hint is of this sector."""

    name: str
    activity: str
    hints: tuple[str, ...] = ()


class Country(NamedTuple):
    """`calling` is the country code with an area; `weight` how common it is."""

    code: str
    calling: str
    city: str
    weight: int


SECTORS = (
    Sector("retail", "comercio minorista", ("tienda", "supermercado", "mercad", "market")),
    Sector("banking", "banca", ("banco", "bank", "caixa", "caja")),
    Sector("insurance", "seguros", ("seguro", "mutua", "mapfre", "insurance")),
    Sector("telecommunications", "telecomunicaciones", ("telef", "telecom", "movil")),
    Sector("energy", "energía", ("energ", "petrol", "electric", "gas")),
    Sector("food_and_beverages", "alimentación y bebidas", ("bimbo", "cerve", "aliment")),
    Sector("construction", "construcción", ("constru", "obra", "cemex", "cement")),
    Sector("manufacturing", "fabricación industrial", ("talleres", "industri", "siderurg")),
    Sector("logistics", "logística", ("logist", "transport", "correos", "mensajer")),
    Sector("tourism", "turismo", ("hotel", "viaje", "turis", "airlines", "iberia")),
    Sector("healthcare", "servicios sanitarios", ("hospital", "clinica", "salud")),
    Sector("pharma", "productos farmacéuticos", ("farma", "pharma", "laborator")),
    Sector("technology", "tecnología", ("tech", "software", "digital", "sistemas", "labs")),
    Sector("education", "formación", ("universi", "escuela", "educa", "academ")),
    Sector("media", "medios de comunicación", ("media", "prensa", "televis", "radio")),
    Sector("automotive", "automoción", ("motor", "auto", "seat")),
    Sector("real_estate", "servicios inmobiliarios", ("inmobili", "real estate", "vivienda")),
    Sector("agriculture", "agricultura", ("agro", "agric", "aceite", "bodega")),
    Sector("professional_services", "consultoría", ("consult", "asesor", "abogad")),
    Sector("public_administration", "administración pública", ("ayuntamiento", "minister")),
    Sector("textile", "textil y moda", ("textil", "moda", "inditex", "ropa")),
    Sector("chemicals", "química", ("quimic", "chemical", "pintura")),
)

#: Size bands with the smallest and the largest headcount that is invented for them.
SIZE_BANDS = (
    ("1-10", 2, 10),
    ("11-50", 11, 50),
    ("51-200", 51, 200),
    ("201-1000", 201, 1000),
    ("1001-5000", 1001, 5000),
    ("5001+", 5001, 90_000),
)

COUNTRIES = (
    Country("ES", "+34 91", "Madrid", 8),
    Country("MX", "+52 55", "Ciudad de México", 5),
    Country("AR", "+54 11", "Buenos Aires", 3),
    Country("CO", "+57 601", "Bogotá", 3),
    Country("CL", "+56 2", "Santiago", 3),
    Country("PE", "+51 1", "Lima", 2),
    Country("UY", "+598 2", "Montevideo", 1),
    Country("EC", "+593 2", "Quito", 1),
    Country("CR", "+506 2", "San José", 1),
    Country("PA", "+507 2", "Ciudad de Panamá", 1),
)

TECHNOLOGIES = (
    "Adobe Commerce",
    "Amazon Web Services",
    "Databricks",
    "Google Analytics 4",
    "Google Cloud",
    "Google Workspace",
    "HubSpot",
    "Kubernetes",
    "Mercado Pago",
    "Microsoft 365",
    "Microsoft Azure",
    "Microsoft Dynamics 365",
    "Odoo",
    "Oracle NetSuite",
    "PostgreSQL",
    "Power BI",
    "SAP S/4HANA",
    "Salesforce",
    "ServiceNow",
    "Shopify",
    "Snowflake",
    "Stripe",
    "Tableau",
    "VTEX",
    "WooCommerce",
    "WordPress",
    "Workday",
    "Zendesk",
)

#: News category, headline; a category more often than another is in the table more often.
HEADLINES = (
    ("expansion", "{company} abre una sede en {city}"),
    ("expansion", "{company} amplía su red de oficinas y entra en {city}"),
    ("funding", "{company} cierra una ronda de financiación de {millions} millones"),
    ("award", "{company}, premiada por su transformación digital"),
    ("layoffs", "{company} anuncia un ajuste de plantilla"),
    ("merger", "{company} negocia su fusión con un competidor"),
    ("product", "{company} lanza una plataforma para clientes de empresa"),
    ("product", "{company} presenta su nuevo servicio en línea"),
)

#: What ends a company: rare, so that few of the companies that everybody knows "close".
LAST_HEADLINES = (
    ("insolvency", "{company} solicita el concurso de acreedores"),
    ("closure", "{company} cesa su actividad"),
)
#: Share of the companies in the news that these headlines are about.
LAST_HEADLINES_SHARE = 0.06

SOCIAL_NETWORKS = ("linkedin", "x", "instagram", "facebook", "youtube")
