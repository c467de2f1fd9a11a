"""What to tell a person about a name that may mean several companies. Pure."""

from agents.case import Localized
from orchestrator.handlers.result import ItemStatus
from orchestrator.handlers.trouble import Explanation
from orchestrator.purchasing import Enrichment

#: Candidates that one sentence names.
NAMED = 4
_OR_WEBSITE, _O_LA_WEB = ", or add its website", " o añada su página web"


def explain_ambiguity(enrichment: Enrichment) -> Explanation:
    """Name the candidates, or say that the name alone says nothing, and what would help."""
    names = ", ".join(enrichment.candidates[:NAMED])
    if enrichment.source is None and not enrichment.shared:
        reason = Localized(
            en="The name is only a legal form or a symbol, so nothing was bought; "
            f"write the company's own name{_OR_WEBSITE}.",
            es="El nombre es solo una forma jurídica o un símbolo, y no se compró nada; "
            f"escriba el nombre propio de la empresa{_O_LA_WEB}.",
        )
    else:
        these = f" ({names})" if names else ""
        reason = Localized(
            en=f"The name may mean several companies{these}; write the full name{_OR_WEBSITE}.",
            es=f"El nombre puede ser de varias empresas{these}; "
            f"escriba el nombre completo{_O_LA_WEB}.",
        )
    return Explanation(ItemStatus.AMBIGUOUS, "ambiguous_name", reason)
