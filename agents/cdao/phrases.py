"""Reasons in English and Spanish: how findings and words are phrased, and joined to one sentence.

A clause continues a sentence whose subject is the company ("it works in retail"). The sentence
ends with who states it, where all that it names has a source.
"""

import re
from collections.abc import Sequence

from agents.case import Language, Localized
from agents.domains import host_of

from .countries import country_name
from .findings import Finding
from .vocabulary import AssessmentCode, FindingName, Sector, SizeBand

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
