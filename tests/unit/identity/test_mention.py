"""A company as somebody names it, in one text."""

import pytest

from orchestrator.identity import Facts, Mention


@pytest.mark.parametrize(
    ("website", "email", "domain"),
    [
        ("https://www.acme.example/es", "ana@other.example", "acme.example"),
        (None, "Ana@Acme.example", "acme.example"),
        ("facebook.com/acme", "ana@acme.example", "acme.example"),
        (None, "ana@gmail.com", None),
        (None, None, None),
    ],
)
def test_a_lead_names_its_company_by_a_domain(
    website: str | None, email: str | None, domain: str | None
) -> None:
    """Its website's, else its e-mail's; nobody's address travels with the work."""
    mention = Mention.of_lead("Acme", website=website, email=email, country="ES")

    assert mention == Mention("Acme", domain, "ES")
    assert "ana" not in mention.text.lower()
    assert Mention.of(mention.text) == mention


def test_a_mention_means_the_company_of_its_name_website_and_country() -> None:
    """Or the company of a refined key, which stands for all three."""
    facts = Facts("acme.example.mx", "MX", "S.A.")

    assert Mention("Acme, S.A.", "www.acme.example.mx", "mx").identify().facts == facts
    assert Mention("acme~ACME.com").identify().key == "acme~acme.com"
    assert Mention.of("Acme").name == "Acme"


def test_people_of_one_company_mention_it_alike() -> None:
    """So a list of people is a list of few companies."""
    texts = {
        Mention.of_lead("Acme", website=None, email=f"{who}@acme.example", country=None).text
        for who in ("ana", "eva", "luz")
    }

    assert len(texts) == 1
