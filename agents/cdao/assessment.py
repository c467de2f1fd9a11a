"""Findings into an assessment: advance or not, why in two languages, worth what, and what next.

A clause of a reason continues a sentence whose subject is the company ("it works in retail"). The
sentence ends with who states it, where all that it names has a source.
"""

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from agents.case import ClaimField, Language, Localized, Money, OpportunityDraft
from agents.domains import host_of

from .countries import country_name
from .findings import HIGHEST_SCORE, Finding, score_of
from .policy import Policy
from .profile import CompanyProfile
from .vocabulary import AssessmentCode, FindingName, Sector, SizeBand, StepCode

DECISIVE = {
    FindingName.OUR_DOMAIN: AssessmentCode.OWN_DOMAIN,
    FindingName.COMPETITOR_DOMAIN: AssessmentCode.COMPETITOR,
    FindingName.NEWS_CLOSURE: AssessmentCode.COMPANY_CLOSED,
    FindingName.NEWS_INSOLVENCY: AssessmentCode.COMPANY_INSOLVENT,
    FindingName.OUTSIDE_MARKET: AssessmentCode.OUTSIDE_MARKET,
}
"""Facts that end the matter whatever the score, the most final first."""

_NAMED_FINDINGS = 3
"""How many findings a reason names; a fourth is no longer read."""

_ARITHMETIC = frozenset({FindingName.BASELINE, FindingName.CLAMP, FindingName.STALE_EVIDENCE})
# Says something about an address, not about the company: alone it makes no poor fit.
_NOT_ABOUT_COMPANY = frozenset({FindingName.FREE_MAIL})

# The best reason to get in touch now comes first.
_OPENINGS = {
    FindingName.NEWS_FUNDING: Localized(
        en=", opening with the company's new funding",
        es=", empezando por la nueva financiación de la empresa",
    ),
    FindingName.NEWS_EXPANSION: Localized(
        en=", opening with the company's expansion",
        es=", empezando por la expansión de la empresa",
    ),
    FindingName.NEWS_PRODUCT: Localized(
        en=", opening with the company's new product",
        es=", empezando por el nuevo producto de la empresa",
    ),
    FindingName.NEWS_AWARD: Localized(
        en=", opening with the company's award",
        es=", empezando por el premio de la empresa",
    ),
    FindingName.HIRING: Localized(
        en=", opening with the positions the company wants to fill",
        es=", empezando por las vacantes que la empresa quiere cubrir",
    ),
}
_NO_OPENING = Localized(en="", es="")

_DISCARDED = {
    AssessmentCode.INSUFFICIENT_EVIDENCE: StepCode.ASK_FOR_DETAILS,
    AssessmentCode.POOR_FIT: StepCode.KEEP_ON_FILE,
    AssessmentCode.COMPANY_INSOLVENT: StepCode.KEEP_ON_FILE,
    AssessmentCode.OUTSIDE_MARKET: StepCode.NO_ACTION,
    AssessmentCode.OWN_DOMAIN: StepCode.NO_ACTION,
    AssessmentCode.COMPETITOR: StepCode.NO_ACTION,
    AssessmentCode.COMPANY_CLOSED: StepCode.NO_ACTION,
}


class NextStep(BaseModel):
    """One thing to do, for machines and for people."""

    model_config = ConfigDict(frozen=True)

    code: StepCode
    text: Localized


class Assessment(BaseModel):
    """The judgement on a lead.

    `score` runs from 0 to 100. `value` and `probability` (0 to 1) are None unless the lead
    is viable.
    """

    model_config = ConfigDict(frozen=True)

    code: AssessmentCode
    score: int
    reason: Localized
    next_step: NextStep
    value: Money | None = None
    probability: float | None = None

    @property
    def is_viable(self) -> bool:
        """Return whether the lead is worth a sales conversation."""
        return self.code is AssessmentCode.VIABLE

    def draft(self) -> OpportunityDraft | None:
        """Return what the sales agent receives; None for a lead that is not viable."""
        if self.value is None or self.probability is None:
            return None
        return OpportunityDraft(
            score=self.score,
            value=self.value,
            probability=self.probability,
            next_step=self.next_step.text,
        )


def assess(
    company: str, profile: CompanyProfile, findings: tuple[Finding, ...], policy: Policy
) -> Assessment:
    """Judge the lead of *company* by its findings."""
    score = score_of(findings)
    code, grounds = _judge(score, findings, policy)
    is_viable = code is AssessmentCode.VIABLE
    return Assessment(
        code=code,
        score=score,
        reason=reason_for(code, company, grounds),
        next_step=_next_step(code, profile, findings),
        value=_value_of(profile, policy) if is_viable else None,
        probability=_probability_at(score, policy) if is_viable else None,
    )


def _judge(
    score: int, findings: tuple[Finding, ...], policy: Policy
) -> tuple[AssessmentCode, Sequence[Finding]]:
    """Return the code and the findings it rests on, the weightiest first."""
    sure = {f.name: f for f in findings if f.trust >= policy.scoring.decisive_trust}
    for name, code in DECISIVE.items():
        if name in sure:
            return code, (sure[name],)
    by_weight = sorted((f for f in findings if f.name not in _ARITHMETIC), key=_weight)
    good = [f for f in by_weight if f.points > 0][:_NAMED_FINDINGS]
    bad = [f for f in by_weight if f.points < 0 or f.name is FindingName.SECTOR_NEUTRAL]
    bad.sort(key=_is_about_address)
    if score >= policy.scoring.threshold:
        return AssessmentCode.VIABLE, good
    if any(not _is_about_address(f) for f in bad):
        return AssessmentCode.POOR_FIT, bad[:_NAMED_FINDINGS]
    return AssessmentCode.INSUFFICIENT_EVIDENCE, good


def _is_about_address(finding: Finding) -> bool:
    return finding.name in _NOT_ABOUT_COMPANY


def _weight(finding: Finding) -> int:
    return -abs(finding.points)


def _value_of(profile: CompanyProfile, policy: Policy) -> Money:
    value = policy.value
    band = profile.size_band
    amount = value.by_size[band.value] if band else value.unknown_size
    return Money(amount=amount, currency=value.currency)


def _probability_at(score: int, policy: Policy) -> float:
    low, high = policy.probability.lowest, policy.probability.highest
    threshold = policy.scoring.threshold
    # A threshold at the very top leaves no room for steps: reaching it is everything.
    steps = HIGHEST_SCORE - threshold
    share = (score - threshold) / steps if steps else 1.0
    return round(low + share * (high - low), 2)


def _next_step(
    code: AssessmentCode, profile: CompanyProfile, findings: Sequence[Finding]
) -> NextStep:
    """Return what to do with a lead that got *code*."""
    found = {finding.name for finding in findings if finding.points > 0}
    step = _DISCARDED.get(code) or _way_to_reach(profile, findings)
    opening = next((text for name, text in _OPENINGS.items() if name in found), _NO_OPENING)
    text = step.phrase
    return NextStep(
        code=step,
        text=Localized(
            en=text.en.format(opening=opening.en), es=text.es.format(opening=opening.es)
        ),
    )


def _way_to_reach(profile: CompanyProfile, findings: Sequence[Finding]) -> StepCode:
    if any(finding.name is FindingName.FREE_MAIL for finding in findings):
        return StepCode.VERIFY_CONTACT
    has_phone = any(known.value.kind is ClaimField.PHONE for known in profile.contact_points)
    return StepCode.CALL if has_phone else StepCode.EMAIL


#: Characters of a company's name; a longer one would drown the reason.
_LONGEST_NAME = 80
#: Characters of a host; a longer one would, too.
_LONGEST_HOST = 60
#: How many sources a reason names; the decision's details have all.
_MOST_CITED = 2

# The company never ends a sentence, since its name may end with a full stop ("Acme S.A.").
_BY_ONE_FINDING = {
    AssessmentCode.OUTSIDE_MARKET: Localized(
        en="{company} is outside our market: it is based in {country}{cited}.",
        es="{company} está fuera de nuestro mercado: está en {country}{cited}.",
    ),
    AssessmentCode.OWN_DOMAIN: Localized(
        en="The lead for {company} uses {domain}, which is our own domain.",
        es="El lead de {company} usa {domain}, que es un dominio nuestro.",
    ),
    AssessmentCode.COMPETITOR: Localized(
        en="The lead for {company} uses {domain}, which belongs to a competitor.",
        es="El lead de {company} usa {domain}, que pertenece a un competidor.",
    ),
    AssessmentCode.COMPANY_CLOSED: Localized(
        en="{company} has closed, according to {medium}.",
        es="{company} ha cerrado, según {medium}.",
    ),
    AssessmentCode.COMPANY_INSOLVENT: Localized(
        en="{company} is insolvent, according to {medium}.",
        es="{company} es insolvente, según {medium}.",
    ),
}
_BY_SEVERAL_FINDINGS = {
    AssessmentCode.VIABLE: Localized(
        en="{company} is worth a sales conversation: it {clauses}{cited}.",
        es="Vale la pena que ventas hable con {company}: {clauses}{cited}.",
    ),
    AssessmentCode.POOR_FIT: Localized(
        en="{company} is a poor fit: it {clauses}{cited}.",
        es="{company} no encaja: {clauses}{cited}.",
    ),
    AssessmentCode.INSUFFICIENT_EVIDENCE: Localized(
        en="Too little speaks for {company} so far: {known}{cited}.",
        es="Por ahora hay muy poco a favor de {company}: {known}{cited}.",
    ),
}
_ONLY = Localized(en="only that it {clauses}", es="solo que {clauses}")
_ONLY_OLD = Localized(
    en="only that, partly by old evidence, it {clauses}",
    es="solo que, en parte según datos antiguos, {clauses}",
)
_NOTHING = Localized(
    en="nothing was found in its favour",
    es="no se encontró ningún dato favorable",
)
_CITED = Localized(en=", according to {names}", es=", según {names}")
_NEWS = Localized(en="news of {as_of}", es="una noticia del {as_of}")
_NEWS_ON = Localized(en="news of {as_of} on {name}", es="una noticia del {as_of} en {name}")
_MAPS_ON = Localized(en="{name} on {as_of}", es="{name} el {as_of}")

_MAPS = "Google Maps"
_MAPS_ADDRESS = re.compile(
    r"https?://(maps\.google\.|(www\.)?google\.[a-z.]{2,6}/maps\b)", re.IGNORECASE
)


def reason_for(code: AssessmentCode, company: str, grounds: Sequence[Finding]) -> Localized:
    """Return in one sentence why the lead of *company* got *code*.

    Args:
        code: What was concluded.
        company: Name as the lead gives it; shown on one line and cut where it is very long.
        grounds: The findings to name, the weightiest first. Codes that rest on a single
            finding need exactly that one.
    """
    return Localized(
        en=_sentence(code, company, grounds, "en"), es=_sentence(code, company, grounds, "es")
    )


def _sentence(
    code: AssessmentCode, company: str, grounds: Sequence[Finding], language: Language
) -> str:
    words = {"company": _on_one_line(company), "cited": _citation(grounds, language)}
    if code in _BY_ONE_FINDING:
        words |= words_of(grounds[0], language)
        words["medium"] = _medium(grounds[0], language)
        return _BY_ONE_FINDING[code].in_language(language).format_map(words)
    words["clauses"] = join([clause(finding, language) for finding in grounds], language)
    words["known"] = _known(grounds).in_language(language).format_map(words)
    return _BY_SEVERAL_FINDINGS[code].in_language(language).format_map(words)


def _citation(grounds: Sequence[Finding], language: Language) -> str:
    """Return who states what the sentence names; blank if part of it has no source with a name."""
    named = [source_name(finding) for finding in grounds]
    names = list(dict.fromkeys(name for name in named if name))[:_MOST_CITED]
    if not names or None in named:
        return ""
    return _CITED.in_language(language).format(names=join(names, language))


def _medium(finding: Finding, language: Language) -> str:
    """Return what told that a company has closed or is insolvent, and when."""
    name = source_name(finding)
    text = _NEWS if name is None else _MAPS_ON if name == _MAPS else _NEWS_ON
    return text.in_language(language).format(name=name, as_of=finding.params.get("as_of"))


def source_name(finding: Finding) -> str | None:
    """Return what people call the best source of *finding*: Google Maps, or a host."""
    if not finding.sources:
        return None
    best = finding.sources[0]
    if _MAPS_ADDRESS.match(best):
        return _MAPS
    host = host_of(best)
    return host if host and len(host) <= _LONGEST_HOST else None


def _known(grounds: Sequence[Finding]) -> Localized:
    if not grounds:
        return _NOTHING
    return _ONLY_OLD if any(finding.is_stale for finding in grounds) else _ONLY


def _on_one_line(company: str) -> str:
    name = " ".join(company.split())
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def clause(finding: Finding, language: Language) -> str:
    """Return the finding as the rest of a sentence about the company."""
    if finding.name is FindingName.HIRING:
        return _hiring(finding, language)
    return finding.name.phrase.in_language(language).format_map(words_of(finding, language))


def words_of(finding: Finding, language: Language) -> dict[str, str]:
    """Return the finding's params in words."""
    return {name: _word(name, value, language) for name, value in finding.params.items()}


def join(words: Sequence[str], language: Language) -> str:
    """Join words or clauses as in speech: "a, b and c"."""
    if len(words) < 2:  # noqa: PLR2004 - "and" takes two
        return "".join(words)
    conjunction = "and" if language == "en" else "y"
    # Spanish says "e" before the sound i, however it is spelt: "SAP e Intercom".
    if language == "es" and words[-1].lower().startswith(("i", "hi")):
        conjunction = "e"
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def _hiring(finding: Finding, language: Language) -> str:
    count = finding.params["open_positions"]
    if language == "en":
        return f"has {count} open position{'' if count == 1 else 's'}"
    return f"tiene {count} vacante{'' if count == 1 else 's'} abierta{'' if count == 1 else 's'}"


def _word(param: str, value: object, language: Language) -> str:
    match param, value:
        case "sector", str():
            return Sector(value).phrase.in_language(language)
        case "size", str():
            return SizeBand(value).phrase.in_language(language)
        case "country", str():
            return country_name(value).in_language(language)
        case _, list():
            return join([str(item) for item in value], language)
        case _:
            return str(value)
