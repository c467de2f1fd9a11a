"""What a seller with run ids makes of refusals and of wrong configuration."""

import pytest

from orchestrator.infra.clock import utc_now
from orchestrator.surfsense import (
    Accepted,
    AccessDenied,
    RateLimited,
    RequestRejected,
    RunUnknown,
)
from tests.integration.surfsense.buying import run_seller_of
from tests.integration.surfsense.sandbox_process import SandboxProcess


async def test_a_run_of_nowhere_is_unknown(sandbox: SandboxProcess) -> None:
    """Waiting would not bring it."""
    async with run_seller_of(sandbox.url) as seller:
        with pytest.raises(RunUnknown, match="run_x"):
            await seller.collect("run_x", company="Acme")


async def test_limits_and_credit_are_told_before_anything_is_bought(
    sandbox: SandboxProcess,
) -> None:
    """Each with its own error; without `Retry-After` the window is waited for."""
    async with run_seller_of(sandbox.url) as seller:
        sandbox.behave(credit_micros=0)
        with pytest.raises(AccessDenied) as denied:
            await seller.submit("Acme", purchase_id="p-1")
        sandbox.behave(rate_limit=1)
        with pytest.raises(RateLimited) as limited:
            await seller.submit("Acme", purchase_id="p-2")

    assert (denied.value.status, limited.value.retry_after_s) == (402, 60)
    assert sandbox.runs() == []


async def test_another_workspace_denies_access_to_everything(sandbox: SandboxProcess) -> None:
    """Configuration that is wrong is not waited out."""
    async with run_seller_of(sandbox.url, workspace_id="7") as seller:
        with pytest.raises(AccessDenied):
            await seller.submit("Acme", purchase_id="p-1")
        with pytest.raises(AccessDenied):
            await seller.collect("run_1", company="Acme")
        with pytest.raises(AccessDenied):
            await seller.find("Acme", submitted_after=utc_now())


async def test_a_wrong_base_url_is_not_a_missing_run(sandbox: SandboxProcess) -> None:
    """SurfSense's bare 404 means a path that it does not have."""
    async with run_seller_of(f"{sandbox.url}/somewhere") as seller:
        with pytest.raises(RequestRejected, match="SURFSENSE_URL"):
            await seller.submit("Acme", purchase_id="p-1")
        with pytest.raises(RequestRejected, match="SURFSENSE_URL"):
            await seller.collect("run_1", company="Acme")


async def test_a_base_url_may_end_in_the_prefix(sandbox: SandboxProcess) -> None:
    """As SurfSense's own configuration gives it."""
    async with run_seller_of(f"{sandbox.url}/api/v1/") as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")

    assert isinstance(accepted, Accepted)


async def test_a_name_of_nothing_is_not_sent(sandbox: SandboxProcess) -> None:
    """Quotes alone make no search."""
    async with run_seller_of(sandbox.url) as seller:
        with pytest.raises(RequestRejected, match="nothing to search"):
            await seller.submit(' "" ', purchase_id="p-1")

    assert sandbox.bill()["requests"] == 0
