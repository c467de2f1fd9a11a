"""The identity of a lead."""

import pytest

from orchestrator.leadfile import LeadFields, lead_from, lead_id

ANA = LeadFields("Acme S.A.", "acme", contact="Ana Gil", email="ana@acme.example")


def test_a_lead_is_the_same_in_every_import() -> None:
    """The identity depends on the e-mail without case and on the company key, on nothing else."""
    typed_otherwise = LeadFields(
        "ACME", "acme", contact="Gil, Ana", email="ANA@acme.example", country="ES", notes="again"
    )

    assert lead_id(typed_otherwise) == lead_id(ANA)


def test_the_identity_of_a_lead_never_changes_between_versions() -> None:
    """Stored leads are found again by a later version of this code."""
    assert str(lead_id(ANA)) == "40dde205-f365-50c3-a207-75f4ecd81048"


@pytest.mark.parametrize(
    "other",
    [
        LeadFields("Acme", "acme", email="eva@acme.example"),
        LeadFields("Zara", "zara", email="ana@acme.example"),
        LeadFields("Acme", "acme"),
    ],
)
def test_another_person_or_company_is_another_lead(other: LeadFields) -> None:
    """Neither the e-mail nor the company alone makes a lead."""
    assert lead_id(other) != lead_id(ANA)


def test_a_row_becomes_a_lead_of_the_agents() -> None:
    """All fields of the row reach the agents, under the lead's identity."""
    lead = lead_from(ANA)

    assert lead.id == lead_id(ANA)
    assert (lead.company, lead.contact, lead.email) == ("Acme S.A.", "Ana Gil", "ana@acme.example")


@pytest.mark.parametrize("email", ["info@acme.example", "ventas.mx@acme.example", None])
def test_two_people_behind_one_address_are_two_leads(email: str | None) -> None:
    """A name tells them apart, where there is no address, too; its case and accents do not."""
    ana, luis = (
        LeadFields("Acme", "acme", contact=name, email=email) for name in ("Ana Gil", "Luis Paz")
    )
    typed_otherwise = LeadFields("Acme", "acme", contact="ANA  GÍL", email=email)

    assert lead_id(ana) != lead_id(luis)
    assert lead_id(typed_otherwise) == lead_id(ana)


def test_a_row_of_a_company_list_is_no_lead() -> None:
    """A lead needs a contact."""
    with pytest.raises(ValueError, match="needs a contact"):
        lead_from(LeadFields("Acme", "acme"))
