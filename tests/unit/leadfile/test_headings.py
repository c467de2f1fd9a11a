"""What the name of a column says, in five languages and in the manner of many programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.leadfile import LeadField
from orchestrator.leadfile.columns import UnknownColumnError, find_columns
from orchestrator.leadfile.headings import heading, understood


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("companyName", "company"),
        ("COMPANYNAME", "company"),
        ("Associated Company", "company"),
        ("Company / Account", "account"),
        ("Deal - Organization", "company"),
        ("Contact company", "company"),
        ("Empresa del contacto", "company"),
        ("Account.Name", "account"),
        ("Firmenname", "company"),
        ("Société (nom)", "company"),
        ("Razão Social", "company"),
        ("Kunde", "customer"),
        ("Contact person [required]", "person"),
        ("Person - Name", "full"),
        ("Vor- und Nachname", "full"),
        ("Nom et prénom", "full"),
        ("PRÉNOM", "given"),
        ("Last-Name", "surname"),
        ("2º apellido", "surname"),
        ("E-Mail-Adresse", "email"),
        ("Correo-e", "email"),
        ("Email 2 - Value", "email"),
        ("Téléphone portable", "phone"),
        ("Telefonnummer (geschäftlich)", "phone"),
        ("Contact number", "phone"),
        ("Company Domain Name", "website"),
        ("Página Web", "website"),
        ("Primary Address Country", "country"),
        ("País/Região do Endereço Comercial", "country"),
        ("Cód. país/región", "country"),
        ("Em que cidade fica a empresa?", "city"),
        ("Telefone comercial", "phone"),
        ("Nombre de tu empresa u organización", "company"),
        ("Name (company)", "company"),
        ("Billing City", "city"),
        ("Ciudad de la empresa", "city"),
        ("Município", "city"),
        ("Ort", "city"),
        ("Ville", "city"),
        ("country_id", "country"),
        ("Land", "country"),
        ("LEADSOURCE", "source"),
        ("Bemerkungen", "notes"),
    ],
)
def test_a_name_says_what_its_column_holds(name: str, holds: str) -> None:
    """Groups, brackets, camel case and compounds make no difference."""
    meaning = heading(name)

    assert meaning is not None
    assert meaning.holds == holds


@pytest.mark.parametrize(
    "name",
    [
        "Company size",
        "Company ID",
        "Company address",
        "Company Name for Emails",
        "Lead Owner",
        "Lead Owner.id",
        "Contact owner",
        "Email Status",
        "Primary Email Source",
        "Email opt out",
        "Company Linkedin Url",
        "Business Fax",
        "Parent account",
        "Previous company",
        "Account number",
        "Job title",
        "Industry",
        "Email type",
        "Comercial",
        "Correo del comercial",
        "Lead-Quelle und Kampagne",
        "Where is your company?",
        "¿Dónde está tu empresa?",
        "Work",
        "",
        "x" * 10_000,
    ],
)
def test_a_name_with_an_unknown_word_says_nothing(name: str) -> None:
    """What only sounds like a company, a person or an address is left alone."""
    assert heading(name) is None


@given(st.text(max_size=200))
def test_any_text_can_be_the_name_of_a_column(name: str) -> None:
    """Whatever stands in a header, it is read, and case makes no difference."""
    meaning = heading(name)

    assert meaning == heading(f" {name} ")


def test_a_companys_own_values_come_before_a_persons() -> None:
    """The country of the company counts, not that of the person, and never that of a home."""
    columns = find_columns(["Country", "Home Country", "Company Country", "Mobile", "Work Phone"])

    assert columns[LeadField.COUNTRY] == ((2,), (0,))
    assert columns[LeadField.PHONE] == ((4,), (3,))


def test_all_addresses_are_tried_those_at_work_first() -> None:
    """A second column of e-mails is looked at where the first is blank."""
    columns = find_columns(["Email 2", "Personal Email", "Email", "Work Email"])

    assert columns[LeadField.EMAIL] == ((3,), (2,), (0,), (1,))


@pytest.mark.parametrize(
    ("header", "choices"),
    [
        (["Full Name", "First Name", "Last Name"], ((0,), (1, 2))),
        (["Nombre", "1er apellido", "2º apellido"], ((0, 1, 2),)),
        (["Name", "Vorname"], ((1, 0),)),
        (["First Name", "Middle Name", "Last Name"], ((0, 1, 2),)),
        (["Contacto", "Nombre", "Apellidos"], ((1, 2), (0,))),
        (["name", "contact_name"], ((1,),)),
        (["Nombre del invitado", "Apellido del invitado"], ((0, 1), (0,))),
        (["Nom", "Prénom du contact", "Nom du contact"], ((1, 2), (2,))),
        (["Billing first name", "Billing last name", "First name 2", "Last name 2"], ((0, 1),)),
        (["Nombre"], ((0,),)),
    ],
)
def test_a_person_has_a_whole_name_or_its_parts(
    header: list[str], choices: tuple[tuple[int, ...], ...]
) -> None:
    """The whole name comes first; `Name` beside a given name is the surname."""
    assert find_columns(header)[LeadField.CONTACT] == choices


def test_a_name_is_a_companys_in_a_list_of_companies() -> None:
    """Where nothing else could be the company, and people are not asked for."""
    header = ["Name", "Website"]

    assert LeadField.COMPANY not in find_columns(header)
    assert find_columns(header, of_companies=True)[LeadField.COMPANY] == ((0,),)
    assert LeadField.COMPANY not in find_columns(["Name", "Surname"], of_companies=True)


def test_the_name_beside_a_contact_is_the_companys() -> None:
    """ERPs list their customers so; beside the parts of a name it is the person's."""
    assert find_columns(["Nombre", "Contacto"])[LeadField.COMPANY] == ((0,),)
    assert find_columns(["Nom", "Prénom du contact", "Nom du contact"])[LeadField.COMPANY] == (
        (0,),
    )
    assert LeadField.COMPANY not in find_columns(["Name", "First name", "Last name"])


def test_the_owner_of_a_file_says_which_column_is_which() -> None:
    """What is said wins, and a column that is taken serves nothing else."""
    header = ["Company", "Etiqueta", "Otra"]

    columns = find_columns(header, {LeadField.COMPANY: ["etiqueta", "#3"]})

    assert columns == {LeadField.COMPANY: ((1,), (2,))}
    with pytest.raises(UnknownColumnError, match="Nada"):
        find_columns(header, {LeadField.EMAIL: ["Nada"]})


def test_every_word_is_written_as_names_are_compared() -> None:
    """A word with an accent or a capital would never be found."""
    phrases = [phrase for phrases in understood().values() for phrase in phrases]

    assert all(phrase == phrase.casefold() and phrase.isascii() for phrase in phrases)


def test_the_town_of_the_company_goes_before_the_persons() -> None:
    """A person may live elsewhere; the town of a home is not read."""
    header = ["Contact city", "Home city", "Company city", "City"]

    assert find_columns(header)[LeadField.CITY] == ((2,), (3,), (0,))
