"""The dashboard's numbers, at most five minutes old."""

from fastapi import APIRouter
from pydantic import ValidationError

from orchestrator.cache import Kind, key_of
from orchestrator.gateway import DashboardMetrics, dashboard_metrics

from .errors import documented
from .requests import RuntimeOfApp
from .versions import WHOLE_INSTALLATION

router = APIRouter(prefix="/dashboard", tags=["dashboard"], dependencies=[WHOLE_INSTALLATION])

_KEY = key_of(Kind.DASHBOARD, "general")


@router.get("/metrics", summary="Numbers for the dashboard", responses=documented())
async def read_metrics(runtime: RuntimeOfApp) -> DashboardMetrics:
    """Count leads and opportunities, and sum what they may be worth, in whole units of a currency.

    The numbers are kept for five minutes; `calculado_en` says when they were counted.
    """
    cache = runtime.gateway.cache
    try:
        return DashboardMetrics.model_validate(await cache.get(_KEY))
    except ValidationError:
        # There is none, or another program or version has stored it.
        metrics = await dashboard_metrics(runtime.backends.engine, runtime.clock())
        await cache.set(_KEY, metrics.model_dump(mode="json"))
        return metrics
