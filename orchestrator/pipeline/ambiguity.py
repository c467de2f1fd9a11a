"""What to tell a person about a name that may mean several companies. Pure."""

from agents.case import Localized
from orchestrator.enrichment import Enrichment
from orchestrator.pipeline.result import ItemStatus
from orchestrator.pipeline.trouble import Explanation

#: Candidates that one sentence names.
NAMED = 4


def explain_ambiguity(enrichment: Enrichment) -> Explanation:
    """Name the candidates, or say that the name alone says nothing."""
    names = ", ".join(enrichment.candidates[:NAMED])
    if names:
        reason = Localized(
            en=f"The name may mean several companies ({names}); write the full name.",
            es=f"El nombre puede ser de varias empresas ({names}); escriba el nombre completo.",
        )
    elif enrichment.source is None:
        reason = Localized(
            en="The name is only a legal form or a symbol, so nothing was bought; "
            "write the company's own name.",
            es="El nombre es solo una forma jurídica o un símbolo, y no se compró nada; "
            "escriba el nombre propio de la empresa.",
        )
    else:
        reason = Localized(
            en="The name may mean several companies; write the full name.",
            es="El nombre puede ser de varias empresas; escriba el nombre completo.",
        )
    return Explanation(ItemStatus.AMBIGUOUS, "ambiguous_name", reason)
