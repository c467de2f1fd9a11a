"""What the sales team does next with a lead, and what it opens the conversation with."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from agents.case import ClaimField, Localized

from .finding import Finding
from .profile import CompanyProfile
from .vocabulary import AssessmentCode, FindingName, StepCode

_TEXTS = {
    StepCode.CALL: Localized(
        en="Call the contact within two working days{opening}.",
        es="Llamar al contacto en dos días laborables{opening}.",
    ),
    StepCode.EMAIL: Localized(
        en="Write to the contact within two working days{opening}.",
        es="Escribir al contacto en dos días laborables{opening}.",
    ),
    StepCode.VERIFY_CONTACT: Localized(
        en="Confirm that the contact, who uses free mail, works there; then write{opening}.",
        es="Confirmar que el contacto, que usa un correo gratuito, trabaja allí; "
        "después, escribirle{opening}.",
    ),
    StepCode.ASK_FOR_DETAILS: Localized(
        en="Ask the contact about the company's sector, size and plans, then judge again.",
        es="Preguntar al contacto por el sector, el tamaño y los planes de la empresa "
        "y volver a evaluar.",
    ),
    StepCode.KEEP_ON_FILE: Localized(
        en="Keep the lead on file and look again when the company's situation changes.",
        es="Archivar el lead y revisarlo cuando cambie la situación de la empresa.",
    ),
    StepCode.NO_ACTION: Localized(en="Nothing to do.", es="Sin acción."),
}

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


def next_step_for(
    code: AssessmentCode, profile: CompanyProfile, findings: Sequence[Finding]
) -> NextStep:
    """Return what to do with a lead that got *code*."""
    found = {finding.name for finding in findings if finding.points > 0}
    step = _DISCARDED.get(code) or _way_to_reach(profile, findings)
    opening = next((text for name, text in _OPENINGS.items() if name in found), _NO_OPENING)
    text = _TEXTS[step]
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
