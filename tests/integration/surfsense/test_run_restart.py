"""SurfSense is killed in the middle of runs, and started anew."""

from collections.abc import Callable

import pytest

from orchestrator.infra.clock import utc_now
from orchestrator.surfsense import Found, RunInterrupted
from tests.integration.surfsense.buying import PATIENCE, run_seller_of
from tests.integration.surfsense.sandbox_process import SandboxProcess

INTERRUPTED = "Interrupted by server restart"
SLOW = ("--not-found-rate", "0", "--latency-min-ms", "60000", "--latency-max-ms", "60000")
LATE = ("--interrupted-then-succeeds-rate", "1", "--interrupted-late-ms")


def restart(sandbox: SandboxProcess) -> None:
    """Kill the sandbox and start it anew at its place."""
    sandbox.kill()
    sandbox.start(sandbox.port)


async def test_a_restart_interrupts_what_was_running(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """The row survives with SurfSense's own words, and nothing is charged."""
    sandbox = own_sandbox(*SLOW)
    async with run_seller_of(sandbox.url) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")

        restart(sandbox)
        with pytest.raises(RunInterrupted, match=accepted.run_id):
            await seller.collect(accepted.run_id, company="Acme")

    run = sandbox.run(accepted.run_id)
    assert (run["status"], run["error"], run["cost_micros"]) == ("error", INTERRUPTED, None)
    assert sandbox.bill()["purchases"] == 0
    assert sandbox.cancel_run(accepted.run_id).status_code == 409


async def test_an_interrupted_run_that_succeeds_late_is_collected(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """Within the grace it is not bought again: the one charge is the late one."""
    sandbox = own_sandbox(*SLOW, *LATE, "400")
    before = utc_now()
    async with run_seller_of(sandbox.url, grace=PATIENCE) as seller:
        accepted = await seller.submit("Acme", purchase_id="p-1")

        restart(sandbox)
        interrupted = sandbox.run(accepted.run_id)
        found = await seller.find("Acme", submitted_after=before)
        answer = await seller.collect(accepted.run_id, company="Acme")

    assert (interrupted["status"], interrupted["error"]) == ("error", INTERRUPTED)
    assert found == accepted.run_id
    assert isinstance(answer, Found)
    assert sandbox.run(accepted.run_id)["error"] is None
    assert sandbox.bill()["companies"]["acme"]["purchases"] == 1


async def test_the_late_success_survives_another_restart(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """It is charged once, however often the server comes and goes."""
    sandbox = own_sandbox(*SLOW, *LATE, "300")
    run_id = sandbox.start_run(queries=['"Acme"']).json()["run_id"]

    restart(sandbox)
    restart(sandbox)
    await sandbox.ended(run_id)
    restart(sandbox)

    assert sandbox.run(run_id)["status"] == "success"
    assert sandbox.bill()["companies"]["acme"]["purchases"] == 1


async def test_ended_runs_survive_a_kill(own_sandbox: Callable[..., SandboxProcess]) -> None:
    """With their results; a line torn by the kill is cut off."""
    sandbox = own_sandbox("--not-found-rate", "0", "--ambiguous-rate", "0")
    ended = await sandbox.ended(sandbox.start_run(queries=['"Acme"']).json()["run_id"])

    sandbox.kill()
    with sandbox.bill_path.with_name("bill.runs.jsonl").open("ab") as file:
        file.write(b'{"id":"')
    sandbox.start(sandbox.port)
    later = sandbox.start_run(queries=['"Otra"']).json()["run_id"]
    await sandbox.ended(later)
    restart(sandbox)

    assert sandbox.run(ended["id"]) == ended
    assert [row["id"] for row in sandbox.runs()] == [later, ended["id"]]


async def test_a_charge_before_the_kill_is_not_repeated(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """Killed between the bill's line and the run's, it is charged, and turns out a success."""
    sandbox = own_sandbox("--not-found-rate", "0", "--interrupted-late-ms", "0")
    ended = await sandbox.ended(sandbox.start_run(queries=['"Acme"']).json()["run_id"])

    sandbox.kill()
    runs = sandbox.bill_path.with_name("bill.runs.jsonl")
    runs.write_bytes(b"".join(runs.read_bytes().splitlines(keepends=True)[:-1]))
    sandbox.start(sandbox.port)
    again = await sandbox.ended(ended["id"])

    assert again["output_text"] == ended["output_text"]
    assert sandbox.bill()["purchases"] == 1
