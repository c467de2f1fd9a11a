"""EMASAI's orchestrator: looks companies up once, and has agents judge leads.

::

    async with Orchestrator.from_env() as emasai:
        found = await emasai.enrich("Grupo Bimbo")

`SyncOrchestrator` is the same for threads. Each name is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agents.case import Lead as Lead
    from orchestrator.client import InvalidRequest as InvalidRequest
    from orchestrator.client import JobHandle as JobHandle
    from orchestrator.client import Orchestrator as Orchestrator
    from orchestrator.database import DatabaseUnavailable as DatabaseUnavailable
    from orchestrator.handlers import CompanyResult as CompanyResult
    from orchestrator.handlers import LeadResult as LeadResult
    from orchestrator.infra.redis_client import StoreUnavailable as StoreUnavailable
    from orchestrator.jobs import JobGone as JobGone
    from orchestrator.jobs import KeyInFlight as KeyInFlight
    from orchestrator.jobs import KeyReused as KeyReused
    from orchestrator.settings import ConfigurationError as ConfigurationError
    from orchestrator.sync import SyncJob as SyncJob
    from orchestrator.sync import SyncOrchestrator as SyncOrchestrator

_MODULES: Final = {
    "CompanyResult": "orchestrator.handlers",
    "ConfigurationError": "orchestrator.settings",
    "DatabaseUnavailable": "orchestrator.database",
    "InvalidRequest": "orchestrator.client",
    "JobGone": "orchestrator.jobs",
    "JobHandle": "orchestrator.client",
    "KeyInFlight": "orchestrator.jobs",
    "KeyReused": "orchestrator.jobs",
    "Lead": "agents.case",
    "LeadResult": "orchestrator.handlers",
    "Orchestrator": "orchestrator.client",
    "StoreUnavailable": "orchestrator.infra.redis_client",
    "SyncJob": "orchestrator.sync",
    "SyncOrchestrator": "orchestrator.sync",
}
__all__ = [  # noqa: PLE0604 - the names of `__getattr__`
    *_MODULES,
]


def __getattr__(name: str) -> object:
    """Return one of the names above (PEP 562)."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    """Return the names that may be imported."""
    return sorted(_MODULES)
