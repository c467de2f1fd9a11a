"""Which company a name and the facts beside it mean, and how a lead mentions it; pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.identity import (
    MAX_REFINED_LENGTH,
    Facts,
    InvalidCompanyName,
    Mention,
    as_key,
    company_domain,
    company_key,
    company_phone,
    identify,
)
from orchestrator.identity.identify import brand, of_key, refine

_DOMAINS = st.from_regex(r"[a-z0-9]{1,60}(\.[a-z0-9]{1,60}){0,2}\.(com|es|com\.mx)", fullmatch=True)


@pytest.mark.parametrize("name", ["Grupo Bimbo, S.A.B. de C.V.", "Acme", "Ñ"])
def test_a_name_that_says_who_is_meant_has_one_key_whatever_else_is_known(name: str) -> None:
    """A lead with a website and one without are not paid for twice."""
    known = identify(name, country="MX", domain="acme.com")

    assert known.key == identify(name).key == company_key(name)
    assert refine(known.name_key, known.facts) == f"{known.key}~acme.com"


def test_a_legal_form_needs_a_domain() -> None:
    """Two companies called S.A. have two keys; without a domain nothing may be bought."""
    keys = {identify("S.A.", domain=f"https://www.{n}.com/es").key for n in ("acme", "globex")}

    assert keys == {"sa~acme.com", "sa~globex.com"}
    assert identify("S.A.", country="MX").is_ambiguous
    assert not identify("S.A.", domain="acme.com").is_ambiguous


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=150), _DOMAINS)
def test_no_name_has_a_refined_key(name: str, other: str, domain: str) -> None:
    """What refines a key can never be typed as a company's name."""
    try:
        refined = refine(company_key(name), Facts(domain))
        plain = company_key(other)
    except InvalidCompanyName:
        return

    assert refined is not None
    assert refined != plain
    assert company_key(refined) != refined
    assert as_key(refined) == refined or not identify(name).distinctive
    assert len(refined) <= MAX_REFINED_LENGTH


@given(_DOMAINS, _DOMAINS)
def test_two_domains_refine_to_two_keys(one: str, other: str) -> None:
    """However long they are."""
    assert (refine("sa", Facts(one)) == refine("sa", Facts(other))) is (one == other)


def test_country_and_form_refine_where_no_domain_is_known() -> None:
    """Readable, and never the same as a domain's."""
    assert refine("acme", Facts(None, "MX", "S.A. de C.V.")) == "acme~mx~sadecv"
    assert refine("acme", Facts(None, "MX")) == "acme~mx"
    assert refine("acme", Facts(None, None, "S.L.")) == "acme~~sl"
    assert refine("acme", Facts()) is None


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://www.Acme.com/es?x=1", "acme.com"),
        ("Ana@ACME.com", "acme.com"),
        ("https://acme.com/@ana", "acme.com"),
        ("müller.de", "xn--mller-kva.de"),
        ("es.acme.com.", "es.acme.com"),
        ("ana@gmail.com", None),
        ("ana@mail.yahoo.es", None),
        ("x@mailinator.com", None),
        ("https://www.facebook.com/acme", None),
        ("https://es.linkedin.com/company/acme", None),
        ("ana@example.com", None),
        ("192.168.1.1", None),
        ("localhost", None),
        ("S.A.", None),
        ("", None),
        (None, None),
        ("http://[::1", None),
        (f"{'a' * 70}.com", None),
    ],
)
def test_only_a_company_s_own_domain_tells_who_is_meant(
    address: str | None, domain: str | None
) -> None:
    """Free and disposable mail, pages on social networks and other texts name none."""
    assert company_domain(address) == domain


@pytest.mark.parametrize(
    ("domain", "label"),
    [
        ("acme.com", "acme"),
        ("es.acme.com", "acme"),
        ("acme.es", "acme"),
        ("acme.com.mx", "acme"),
        ("es.acme.com.mx", "acme"),
        ("acme.co.uk", "acme"),
        ("tienda.acme.es", "acme"),
        ("acme.info", "acme"),
        ("x.com.mx", "x"),
        ("ibm.es", "ibm"),
    ],
)
def test_a_brand_is_the_label_that_its_owner_chose(domain: str, label: str) -> None:
    """Not the sub-domain, the country or the category."""
    assert brand(domain) == label


ACME = Facts("acme.es", "ES", "S.L.")


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (Facts("acme.es", "DE", "GmbH"), False),
        (Facts("acme.com", "DE", "S.L."), False),
        (Facts("acme.com", "ES", "GmbH"), False),
        (Facts("globex.de", "ES", "S.L."), False),
        (Facts("globex.de", None, None), False),
        (Facts("globex.de", "DE", None), True),
        (Facts("globex.es", "ES", "S.A."), True),
        (Facts("acme.com", "DE", "GmbH"), True),
    ],
)
def test_two_facts_at_once_tell_two_companies_of_one_name_apart(
    other: Facts, *, apart: bool
) -> None:
    """One difference is a branch, another site or a new legal form of the same company."""
    assert ACME.tell_apart(other) is apart
    assert other.tell_apart(ACME) is apart


@pytest.mark.parametrize(
    ("key", "facts"),
    [
        ("sa~acme.com", Facts("acme.com")),
        ("acme~mx", Facts(None, "MX")),
        ("acme~mx~sadecv", Facts(None, "MX")),
        ("acme~~sl", Facts()),
        ("acme", Facts()),
        ("~", Facts()),
    ],
)
def test_a_key_is_taken_for_itself_and_tells_what_it_was_refined_by(key: str, facts: Facts) -> None:
    """People copy keys from one command into the next."""
    told = of_key(key)

    assert told.key == key
    assert told.facts == facts
    assert told.name_key == (key.partition("~")[0] or key)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Acme, S.A.", "acme"),
        (" Grupo Acme ~ACME.com ", "grupo_acme~acme.com"),
        ("acme~MX~sa", "acme~mx~sa"),
        ("~acme.com", "~acme.com"),
        ("Tom~Jerry", "tom_jerry"),
    ],
)
def test_a_key_may_be_typed_instead_of_a_name(text: str, key: str) -> None:
    """However it is written; a tilde within a name makes no key of it."""
    assert as_key(text) == key


@pytest.mark.parametrize(
    ("country", "code"),
    [("mx", "MX"), (" MX ", "MX"), ("México", None), ("MEX", None), ("m1", None), ("", None)],
)
def test_a_country_is_a_code_of_two_letters(country: str, code: str | None) -> None:
    """Anything else is unknown, and never the same as another unknown one."""
    assert identify("Acme", country=country).facts.country == code


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
    """Its website's, else its e-mail's; no person's address travels with the work."""
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


@pytest.mark.parametrize(
    ("typed", "country", "phone"),
    [
        ("944 123 456", "ES", "+34944123456"),
        ("+34 944 12 34 56", None, "+34944123456"),
        ("900 123 456", "ES", "+34900123456"),
        ("600 123 456", "ES", None),
        ("55 5123 4567", "MX", None),
        ("944 123 456", None, None),
        ("ext. 12", "ES", None),
        ("9" * 500, "ES", None),
        (None, "ES", None),
    ],
)
def test_a_phone_names_a_company_unless_it_may_be_a_persons(
    typed: str | None, country: str | None, phone: str | None
) -> None:
    """A mobile number stays with its lead, and so does one that may be one."""
    assert company_phone(typed, country) == phone


def test_town_and_phone_change_no_key_and_stay_with_the_mention() -> None:
    """A job keeps them with the company's name; namesakes share a key."""
    mention = Mention.of_lead("Acme", country="ES", city=" San \t Sebastián ", phone="944123456")
    identity = mention.identify()

    assert mention == Mention("Acme", None, "ES", "San Sebastián", "+34944123456")
    assert Mention.of(mention.text) == mention
    assert (identity.city, identity.phone) == ("San Sebastián", "+34944123456")
    assert identity.key == Mention("Acme").identify().key
    assert Mention.of("Acme\0acme.mx\0MX") == Mention("Acme", "acme.mx", "MX")
