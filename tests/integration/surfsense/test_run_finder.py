"""Finding the run of a purchase whose run id was lost."""

import asyncio
from datetime import timedelta

from orchestrator.infra.clock import utc_now
from tests.integration.surfsense.buying import run_seller_of
from tests.integration.surfsense.sandbox_process import SandboxProcess


async def test_a_run_is_found_among_others_by_its_company(sandbox: SandboxProcess) -> None:
    """Any writing of the name finds it; more than one page of others does not hide it."""
    before = utc_now()
    async with run_seller_of(sandbox.url) as seller:
        mine = await seller.submit("Acme, S.L.", purchase_id="p-1")
        for number in range(120):
            await seller.submit(f"Empresa {number}", purchase_id=f"p-{number}")

        found = await seller.find("ACME", submitted_after=before)

    assert found == mine.run_id


async def test_another_companys_run_is_not_found(sandbox: SandboxProcess) -> None:
    """Nor is another program's search for the same name."""
    before = utc_now()
    sandbox.start_run(queries=['"Acme"'], site="linkedin.com")
    sandbox.start_run(queries=['"Acme"', '"Otra"'])
    sandbox.start_run(queries=['"Acme" sitio oficial'])
    async with run_seller_of(sandbox.url) as seller:
        await seller.submit("Acme Foods", purchase_id="p-1")

        found = await seller.find("Acme", submitted_after=before)

    assert found is None


async def test_a_run_from_before_is_not_found(sandbox: SandboxProcess) -> None:
    """Except within what clocks may differ by."""
    async with run_seller_of(sandbox.url) as seller:
        run = await seller.submit("Acme", purchase_id="p-1")
        now = utc_now()

        later = await seller.find("Acme", submitted_after=now + timedelta(minutes=5))
        skewed = await seller.find("Acme", submitted_after=now + timedelta(seconds=30))

    assert (later, skewed) == (None, run.run_id)


async def test_a_run_of_another_purchase_is_left_out(sandbox: SandboxProcess) -> None:
    """What is excluded was settled before, or is being collected by its own buyer."""
    before = utc_now()
    async with run_seller_of(sandbox.url) as seller:
        first = await seller.submit("Acme", purchase_id="p-1")
        second = await seller.submit("Acme", purchase_id="p-2")

        found = await seller.find("Acme", submitted_after=before, exclude={first.run_id})
        none = await seller.find(
            "Acme", submitted_after=before, exclude={first.run_id, second.run_id}
        )

    assert (found, none) == (second.run_id, None)


async def test_a_run_that_failed_is_no_purchase(sandbox: SandboxProcess) -> None:
    """It was not charged, so there is nothing to collect."""
    sandbox.behave(run_error_rate=1)
    before = utc_now()
    async with run_seller_of(sandbox.url) as seller:
        run = await seller.submit("Acme", purchase_id="p-1")
        await sandbox.ended(run.run_id, status="error")

        found = await seller.find("Acme", submitted_after=before)

    assert found is None


async def test_each_run_is_looked_at_once(sandbox: SandboxProcess) -> None:
    """A request never changes, so finding many lost runs does not look at all of them each time."""
    before = utc_now()
    async with run_seller_of(sandbox.url) as seller:
        for number in range(30):
            await seller.submit(f"Empresa {number}", purchase_id=f"p-{number}")
        await seller.find("Acme", submitted_after=before)
        looks = sandbox.bill()["looks"]

        await seller.find("Otra", submitted_after=before)

    assert looks == 31
    assert sandbox.bill()["looks"] == looks + 1


async def test_those_who_look_at_the_same_time_share_what_they_see(
    sandbox: SandboxProcess,
) -> None:
    """Each asks for the list itself, since it counts when; what a run asked for, one asks."""
    before = utc_now()
    async with run_seller_of(sandbox.url) as seller:
        runs = [await seller.submit(f"Empresa {n}", purchase_id=f"p-{n}") for n in range(30)]
        companies = [f"Empresa {n}" for n in range(5)]

        found = await asyncio.gather(
            *(seller.find(company, submitted_after=before) for company in [*companies, "Otra"])
        )

    assert found == [*(run.run_id for run in runs[:5]), None]
    assert sandbox.bill()["looks"] == 30 + 6
