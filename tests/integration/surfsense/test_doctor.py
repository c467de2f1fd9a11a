"""The doctor at the sandbox: it tells faults from health, and buys nothing to find out.

Every fault of a SurfSense is planted in `integration/doctor/test_surfsense.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.doctor import Level
from orchestrator.doctor.surfsense import check_surfsense
from orchestrator.settings import load
from tests.integration.surfsense.sandbox_process import SandboxProcess

KEY = "ss_pat_doctor"
ENRICH = {"SURFSENSE_PROTOCOL": "enrich", "SURFSENSE_API_KEY": KEY}
WORKSPACE = {
    "SURFSENSE_PROTOCOL": "workspace",
    "SURFSENSE_API_KEY": KEY,
    "SURFSENSE_WORKSPACE_ID": "1",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """Run a sandbox that asks for a key."""
    process = SandboxProcess(tmp_path_factory.mktemp("shop"), "--api-key", KEY)
    yield process
    process.kill()


@pytest.fixture
def shop(running: SandboxProcess) -> SandboxProcess:
    """Return the sandbox, all of whose switches are as they were."""
    running.order(
        {
            "speaks": "both",
            "api_access": True,
            "has_search": True,
            "billing": True,
            "credit_micros": None,
        }
    )
    return running


async def _diagnoses(
    shop: SandboxProcess, settings: dict[str, str]
) -> list[tuple[str, Level, str]]:
    found = await check_surfsense(
        load(
            REDIS_URL="redis://127.0.0.1:1/1",
            DATABASE_URL="sqlite:///unused.sqlite",
            SURFSENSE_URL=shop.url,
            **settings,
        )
    )
    assert shop.bill()["purchases"] == 0
    assert shop.bill()["requests"] == 0
    return [(each.check, each.level, f"{each.what}; {each.fix}") for each in found]


@pytest.mark.parametrize("settings", [ENRICH, WORKSPACE])
@pytest.mark.parametrize("speaks", ["both", "own"])
async def test_a_healthy_service_has_no_fault(
    shop: SandboxProcess, settings: dict[str, str], speaks: str
) -> None:
    """By either protocol, also where the service has no other one."""
    shop.order({"speaks": settings["SURFSENSE_PROTOCOL"] if speaks == "own" else speaks})

    assert Level.FAULT not in {level for _, level, _ in await _diagnoses(shop, settings)}


@pytest.mark.parametrize(
    ("settings", "orders", "check", "words"),
    [
        (ENRICH, {"speaks": "workspace"}, "surfsense protocol", "SURFSENSE_PROTOCOL=workspace"),
        (ENRICH | {"SURFSENSE_API_KEY": "wrong"}, {}, "surfsense token", "SURFSENSE_API_KEY"),
        (WORKSPACE, {"speaks": "enrich"}, "surfsense protocol", "SURFSENSE_PROTOCOL=enrich"),
        (WORKSPACE | {"SURFSENSE_API_KEY": "wrong"}, {}, "surfsense token", "SURFSENSE_API_KEY"),
        (
            WORKSPACE | {"SURFSENSE_WORKSPACE_ID": "7"},
            {},
            "surfsense workspace",
            "SURFSENSE_WORKSPACE_ID to one of 'Sandbox' (1).",
        ),
        (WORKSPACE, {"api_access": False}, "surfsense workspace", "API access is switched off"),
        (WORKSPACE, {"credit_micros": 0}, "surfsense credit", "for 0 companies"),
    ],
)
async def test_each_fault_is_told_from_the_others(
    shop: SandboxProcess,
    settings: dict[str, str],
    orders: dict[str, object],
    check: str,
    words: str,
) -> None:
    """One diagnosis names it, with what to set or do; nothing that follows from it is said."""
    shop.order(orders)

    faults = [each for each in await _diagnoses(shop, settings) if each[1] is Level.FAULT]

    ((found, level, said),) = faults
    assert (found, level) == (check, Level.FAULT)
    assert words in said
    assert KEY not in said


async def test_a_service_that_is_away_is_one_fault(tmp_path: Path) -> None:
    """The address is shown, and nothing else is asked."""
    gone = SandboxProcess(tmp_path)
    gone.kill()

    ((check, level, said),) = [
        (each.check, each.level, each.what)
        for each in await check_surfsense(
            load(
                REDIS_URL="redis://127.0.0.1:1/1",
                DATABASE_URL="sqlite:///unused.sqlite",
                SURFSENSE_URL=gone.url,
                **WORKSPACE,
            )
        )
    ]

    assert (check, level) == ("surfsense", Level.FAULT)
    assert "cannot be reached" in said
