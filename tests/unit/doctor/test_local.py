"""What is examined on the machine itself."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.doctor.examine import check_folder, check_policy
from orchestrator.doctor.finding import Level
from orchestrator.settings import Settings, load

VARIABLES = {
    "REDIS_URL": "redis://127.0.0.1:1/1",
    "DATABASE_URL": "sqlite:///x.db",
    "SURFSENSE_URL": "http://127.0.0.1:1",
}


def settings_with_policy(path: Path) -> Settings:
    """Return settings that name *path* as the policy file."""
    return load(**VARIABLES, EMASAI_POLICY_FILE=str(path))


def test_a_folder_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    """The doctor makes no folder; it tries where one would be made."""
    (finding,) = asyncio.run(check_folder(tmp_path / "a" / "b"))

    assert finding.level is Level.OK
    assert list(tmp_path.iterdir()) == []


async def test_a_file_in_the_folder_s_place_is_a_fault(tmp_path: Path) -> None:
    """Nothing can be written there, and the place to mend is named."""
    in_the_way = tmp_path / "data"
    in_the_way.write_text("")

    (finding,) = await check_folder(in_the_way / "valkey")

    assert finding.level is Level.FAULT
    assert str(in_the_way) in (finding.fix or "")


@pytest.mark.parametrize("text", ["[scoring]\nbaseline = -1\n", "no toml"])
async def test_each_problem_of_the_policy_is_a_fault(tmp_path: Path, text: str) -> None:
    """A policy that cannot be used is found before any lead is judged by it."""
    path = tmp_path / "policy.toml"
    path.write_text(text)

    findings = await check_policy(settings_with_policy(path))

    assert findings
    assert all(finding.level is Level.FAULT for finding in findings)
    assert all("EMASAI_POLICY_FILE" in (finding.fix or "") for finding in findings)


async def test_a_missing_policy_file_is_a_fault(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    (finding,) = await check_policy(settings_with_policy(tmp_path / "none.toml"))

    assert finding.level is Level.FAULT
    assert "none.toml" in finding.what
