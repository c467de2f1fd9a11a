"""Findings lead to one code, one sentence in two languages, a value and a next step."""

import pytest

from agents.case import Claim, Decision, Money
from agents.cdao import CdaoAgent, Policy
from tests.unit.agents.builders import POLICY, case_of, claim, policy_with

_GOOD = (
    claim("sector", "retail"),
    claim("size_band", "201-1000"),
    claim("country", "ES"),
)
_CLOSED = claim("news", "closure: Acme shuts down", days_old=22)
_INSOLVENT = claim("news", "insolvency: Acme files", days_old=22)


def _decide(*claims: Claim, **changes: str | None) -> Decision:
    return CdaoAgent(POLICY).decide(case_of(*claims, **changes))


def _decide_under(policy: Policy, *claims: Claim) -> Decision:
    return CdaoAgent(policy).decide(case_of(*claims))


def _next_step(decision: Decision) -> object:
    assessment = decision.details["assessment"]
    assert isinstance(assessment, dict)
    step = assessment["next_step"]
    assert isinstance(step, dict)
    return step["code"]


@pytest.mark.parametrize(
    ("claims", "changes", "code", "step"),
    [
        (_GOOD, {}, "viable", "email"),
        (_GOOD, {"phone": "+34 900"}, "viable", "call"),
        (_GOOD, {"email": "ana@gmail.com"}, "viable", "verify_contact"),
        ((), {}, "insufficient_evidence", "ask_for_details"),
        ((), {"email": "ana@gmail.com"}, "insufficient_evidence", "ask_for_details"),
        (_GOOD[:1], {}, "insufficient_evidence", "ask_for_details"),
        ([claim("sector", "agriculture")], {}, "poor_fit", "keep_on_file"),
        ([claim("sector", "education")], {}, "poor_fit", "keep_on_file"),
        (
            [claim("sector", "education", confidence=0.4)],
            {},
            "insufficient_evidence",
            "ask_for_details",
        ),
        (
            [claim("sector", "education"), *_GOOD[1:], claim("hiring", 10), claim("phone", "1")],
            {"email": "ana@acme.example", "website": "acme.example"},
            "viable",
            "call",
        ),
        ((*_GOOD[:2], claim("country", "DE")), {}, "outside_market", "no_action"),
        (_GOOD, {"email": "bo@emasai.com"}, "own_domain", "no_action"),
        (_GOOD, {"email": "bo@competitor.example"}, "competitor", "no_action"),
        ((*_GOOD, _CLOSED), {}, "company_closed", "no_action"),
        ((*_GOOD, _INSOLVENT), {}, "company_insolvent", "keep_on_file"),
        ((*_GOOD, _CLOSED, _INSOLVENT), {}, "company_closed", "no_action"),
    ],
)
def test_each_outcome_has_its_code_and_next_step(
    claims: tuple[Claim, ...], changes: dict[str, str | None], code: str, step: str
) -> None:
    """The code is the reason, the step what sales does about it."""
    decision = _decide(*claims, **changes)

    assert decision.code == code
    assert _next_step(decision) == step


def test_a_fact_that_decides_does_so_at_any_score() -> None:
    """No sum of good findings sells to a company that has closed."""
    policy = policy_with(("closure = -80", "closure = -1"))

    decision = _decide_under(policy, *_GOOD, _CLOSED)

    assert decision.score is not None
    assert decision.score >= policy.scoring.threshold
    assert decision.code == "company_closed"


def test_a_fact_decides_from_the_decisive_trust_on() -> None:
    """The policy's bound belongs to the facts that decide."""
    codes = [
        _decide(claim("country", "DE", confidence=confidence)).code for confidence in (0.5, 0.49)
    ]

    assert codes == ["outside_market", "poor_fit"]


def test_a_doubtful_disqualifying_fact_only_costs_points() -> None:
    """A country that only the lead typed does not end the matter."""
    decision = _decide(*_GOOD[:2], country="DE")

    assert decision.code == "poor_fit"
    assert decision.score == 30 + 18 + 14 - 18


@pytest.mark.parametrize(
    ("claims", "changes", "english", "spanish"),
    [
        (
            _GOOD,
            {},
            (
                "Acme is worth a sales conversation: it works in retail, "
                "employs 201 to 1,000 people and is based in Spain, "
                "according to source.example."
            ),
            (
                "Vale la pena que ventas hable con Acme: pertenece al sector minorista, "
                "tiene entre 201 y 1000 empleados y está en España, según source.example."
            ),
        ),
        (
            (),
            {},
            "Too little speaks for Acme so far: nothing was found in its favour.",
            "Por ahora hay muy poco a favor de Acme: no se encontró ningún dato favorable.",
        ),
        (
            [claim("hiring", 1)],
            {},
            (
                "Too little speaks for Acme so far: "
                "only that it has 1 open position, according to source.example."
            ),
            (
                "Por ahora hay muy poco a favor de Acme: "
                "solo que tiene 1 vacante abierta, según source.example."
            ),
        ),
        (
            [claim("technology", "Odoo"), claim("technology", "SAP", days_old=730)],
            {},
            (
                "Too little speaks for Acme so far: "
                "only that, partly by old evidence, it uses Odoo and SAP, "
                "according to source.example."
            ),
            (
                "Por ahora hay muy poco a favor de Acme: "
                "solo que, en parte según datos antiguos, usa Odoo y SAP, según source.example."
            ),
        ),
        (
            [claim("sector", "public_administration"), claim("headcount", 3)],
            {},
            (
                "Acme is a poor fit: it works in a sector we avoid (public administration) "
                "and has a size we do not serve (at most 10 people), "
                "according to source.example."
            ),
            (
                "Acme no encaja: pertenece a un sector que evitamos (el de la administración "
                "pública) y tiene un tamaño que no atendemos (10 empleados como máximo), "
                "según source.example."
            ),
        ),
        (
            [claim("sector", "education"), claim("size_band", "1-10"), claim("country", "ES")],
            {"email": "ana@gmail.com"},
            (
                "Acme is a poor fit: it has a size we do not serve (at most 10 people), works in a "
                "sector we do not target (education) and has a contact who writes from free mail."
            ),
            (
                "Acme no encaja: tiene un tamaño que no atendemos (10 empleados como máximo), "
                "pertenece a un sector al que no nos dirigimos (el educativo) y tiene un contacto "
                "que escribe desde un correo gratuito."
            ),
        ),
        (
            [claim("country", "Germany")],
            {},
            ("Acme is outside our market: it is based in Germany, according to source.example."),
            "Acme está fuera de nuestro mercado: está en Alemania, según source.example.",
        ),
        (
            [_CLOSED],
            {},
            "Acme has closed, according to news of 2026-11-01 on source.example.",
            "Acme ha cerrado, según una noticia del 2026-11-01 en source.example.",
        ),
        (
            (),
            {"email": "bo@emasai.com", "company": " Bad\n {Name} \t"},
            "The lead for Bad {Name} uses emasai.com, which is our own domain.",
            "El lead de Bad {Name} usa emasai.com, que es un dominio nuestro.",
        ),
    ],
)
def test_the_reason_is_a_sentence_in_two_languages(
    claims: tuple[Claim, ...], changes: dict[str, str | None], english: str, spanish: str
) -> None:
    """It names the company and the findings that weighed most."""
    decision = _decide(*claims, **changes)

    assert decision.reason.en == english
    assert decision.reason.es == spanish


@pytest.mark.parametrize(
    ("url", "english", "spanish"),
    [
        (
            "https://www.google.com/maps/place/?q=place_id:1",
            "Acme has closed, according to Google Maps on 2026-11-01.",
            "Acme ha cerrado, según Google Maps el 2026-11-01.",
        ),
        (
            None,
            "Acme has closed, according to news of 2026-11-01.",
            "Acme ha cerrado, según una noticia del 2026-11-01.",
        ),
    ],
)
def test_a_closure_is_told_by_who_told_it(url: str | None, english: str, spanish: str) -> None:
    """Google Maps marks a place, a paper writes news, and some sources have no address."""
    decision = _decide(claim("news", "closure: Acme shuts down", days_old=22, url=url))

    assert (decision.reason.en, decision.reason.es) == (english, spanish)


def test_a_reason_cites_the_best_sources_of_what_it_names() -> None:
    """Each once, those of the weightiest finding first, and two at most."""
    claims = (
        claim("sector", "retail", url="https://maps.google.com/?cid=1"),
        claim("sector", "retail", confidence=0.4, url="https://weak.example/"),
        claim("size_band", "201-1000", url="https://www.acme.example/about"),
        claim("country", "ES", url="https://third.example/"),
    )

    reason = _decide(*claims).reason

    assert reason.en.endswith("is based in Spain, according to Google Maps and acme.example.")
    assert reason.es.endswith("está en España, según Google Maps y acme.example.")


def test_a_reason_cites_nothing_for_what_the_lead_said() -> None:
    """A source of one fact does not stand for another that has none."""
    (sector,) = _GOOD[:1]

    reason = _decide(sector, country="ES").reason

    assert reason.en.endswith("only that it works in retail and is based in Spain.")


def test_the_reason_names_three_findings_at_most() -> None:
    """What matters most comes first, and the rest can be looked up in the details."""
    decision = _decide(*_GOOD, claim("news", "award: a prize"), claim("hiring", 10))

    assert decision.reason.en.endswith(
        "it works in retail, employs 201 to 1,000 people and is based in Spain, "
        "according to source.example."
    )


def test_spanish_joins_with_e_before_the_sound_i() -> None:
    """Spanish writes "SAP e Intercom", not "SAP y Intercom"."""
    policy = policy_with(('"HubSpot",', '"Intercom",'))

    decision = _decide_under(
        policy, claim("technology", "SAP"), claim("technology", "Intercom", confidence=0.9)
    )

    assert "usa SAP e Intercom, según" in decision.reason.es


def test_a_very_long_name_does_not_drown_the_reason() -> None:
    """The name is cut, visibly."""
    decision = _decide(company="Acme " * 500)

    assert len(decision.reason.en) < 200
    assert "Acme… so far" in decision.reason.en


@pytest.mark.parametrize(
    ("claims", "amount"), [(_GOOD, 45_000), ((*_GOOD[:1], _GOOD[2], claim("hiring", 9)), 8_000)]
)
def test_value_follows_from_size(claims: tuple[Claim, ...], amount: int) -> None:
    """An unknown size has a value of its own, not the smallest."""
    policy = policy_with(("threshold = 65", "threshold = 40"))

    draft = _decide_under(policy, *claims).draft

    assert draft is not None
    assert draft.value == Money(amount=amount, currency="EUR")


@pytest.mark.parametrize(
    ("baseline", "threshold", "probability"),
    [(58, 100, 0.6), (30, 72, 0.15), (44, 72, 0.38), (58, 72, 0.6), (70, 72, 0.6)],
)
def test_probability_runs_from_threshold_to_the_top(
    baseline: int, threshold: int, probability: float
) -> None:
    """Lowest at the threshold, highest at 100, even steps in between."""
    policy = policy_with(
        ("baseline = 30", f"baseline = {baseline}"), ("threshold = 65", f"threshold = {threshold}")
    )

    draft = _decide_under(policy, *_GOOD).draft

    assert draft is not None
    assert draft.probability == pytest.approx(probability, abs=0.006)


@pytest.mark.parametrize(
    ("signal", "opening"),
    [
        ("funding: 10 M", "opening with the company's new funding"),
        ("expansion: Chile", "opening with the company's expansion"),
        ("layoffs: 10 leave", "two working days."),
    ],
)
def test_the_next_step_opens_with_good_news(signal: str, opening: str) -> None:
    """Sales gets a reason to get in touch now, and never bad news as one."""
    policy = policy_with(("threshold = 65", "threshold = 40"))

    draft = _decide_under(policy, *_GOOD, claim("news", signal)).draft

    assert draft is not None
    assert opening in draft.next_step.en


def test_the_next_step_opens_with_nothing_that_the_policy_dislikes() -> None:
    """Where launches cost points, they are no reason to call."""
    policy = policy_with(("threshold = 65", "threshold = 40"), ("product = 4 ", "product = -4 "))

    draft = _decide_under(policy, *_GOOD, claim("news", "product: a phone")).draft

    assert draft is not None
    assert "opening" not in draft.next_step.en
