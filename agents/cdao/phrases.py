"""Reasons in English and Spanish: how findings and words are phrased, and joined to one sentence.

A clause continues a sentence whose subject is the company ("it works in retail").
"""

from collections.abc import Sequence

from agents.case import Language, Localized

from .countries import country_name
from .findings import Finding
from .vocabulary import AssessmentCode, FindingName, Sector, SizeBand

#: Characters of a company's name; a longer one would drown the reason.
_LONGEST_NAME = 80

# The company never ends a sentence, since its name may end with a full stop ("Acme S.A.").
_BY_ONE_FINDING = {
    AssessmentCode.OUTSIDE_MARKET: Localized(
        en="{company} is based in {country}, which is outside our market.",
        es="{company} está en {country}, fuera de nuestro mercado.",
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
        en="{company} has closed, according to news of {as_of}.",
        es="{company} ha cerrado, según una noticia del {as_of}.",
    ),
    AssessmentCode.COMPANY_INSOLVENT: Localized(
        en="{company} is insolvent, according to news of {as_of}.",
        es="{company} es insolvente, según una noticia del {as_of}.",
    ),
}
_BY_SEVERAL_FINDINGS = {
    AssessmentCode.VIABLE: Localized(
        en="{company} is worth a sales conversation: it {clauses}.",
        es="Vale la pena que ventas hable con {company}: {clauses}.",
    ),
    AssessmentCode.POOR_FIT: Localized(
        en="{company} is a poor fit: it {clauses}.",
        es="{company} no encaja: {clauses}.",
    ),
    AssessmentCode.INSUFFICIENT_EVIDENCE: Localized(
        en="Too little speaks for {company} so far: {known}.",
        es="Por ahora hay muy poco a favor de {company}: {known}.",
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
    name = _on_one_line(company)
    if code in _BY_ONE_FINDING:
        words = words_of(grounds[0], language) | {"company": name}
        return _BY_ONE_FINDING[code].in_language(language).format_map(words)
    clauses = join([clause(finding, language) for finding in grounds], language)
    known = _known(grounds).in_language(language).format(clauses=clauses)
    sentence = _BY_SEVERAL_FINDINGS[code].in_language(language)
    return sentence.format(company=name, clauses=clauses, known=known)


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
