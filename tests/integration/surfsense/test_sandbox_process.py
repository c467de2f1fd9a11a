"""The sandbox as a process: killed, restarted, guarded, stopped, and started wrongly."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable

from orchestrator.surfsense import AccessDenied, AnswerLost, ServiceUnavailable
from tests.integration.surfsense.buying import client_of, error_of
from tests.integration.surfsense.sandbox_process import SandboxProcess


async def test_the_bill_survives_kill_9(own_sandbox: Callable[..., SandboxProcess]) -> None:
    """What was answered is charged after a restart too; a line torn by the kill is not."""
    sandbox = own_sandbox("--not-found-rate", "0", "--ambiguous-rate", "0")
    async with client_of(sandbox.url) as client:
        await client.submit("Acme", purchase_id="p-1")
        sold = sandbox.bill()

        sandbox.kill()
        with sandbox.bill_path.open("ab") as file:
            file.write(b'{"at_ms":1')
        sandbox.start(sandbox.port)
        kept = sandbox.bill()
        await client.submit("Acme", purchase_id="p-2")

    assert kept["companies"] == sold["companies"]
    assert sandbox.bill()["purchases"] == 2


async def test_a_guarded_sandbox_wants_its_key(own_sandbox: Callable[..., SandboxProcess]) -> None:
    """A wrong key and a missing one are denied; the right one buys."""
    sandbox = own_sandbox("--api-key", "ss_pat_right", "--not-found-rate", "0")

    missing = await error_of(sandbox.url)
    wrong = await error_of(sandbox.url, api_key="ss_pat_wrong")
    async with client_of(sandbox.url, api_key="ss_pat_right") as client:
        await client.submit("Acme", purchase_id="p-1")

    assert type(missing) is type(wrong) is AccessDenied
    assert sandbox.bill()["purchases"] == 1


async def test_it_ends_when_told_even_with_an_answer_owed(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """A request that is never answered does not keep it from stopping."""
    sandbox = own_sandbox("--timeout-rate", "1")
    waiting = asyncio.create_task(error_of(sandbox.url))
    await sandbox.wait_until(lambda bill: bill["faults"]["timeout"])

    code = await asyncio.to_thread(sandbox.stop)

    assert code in {0, -signal.SIGTERM}
    assert type(await waiting) in {AnswerLost, ServiceUnavailable}


def test_a_senseless_command_line_is_explained() -> None:
    """One sentence names the option and what is wrong with it."""
    command = [sys.executable, "-m", "orchestrator.embedded.sandbox", "--error-rate", "2"]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert "error_rate: Input should be less than or equal to 1" in ended.stderr


def test_a_port_in_use_is_explained(own_sandbox: Callable[..., SandboxProcess]) -> None:
    """No stack trace for an everyday mishap."""
    port = str(own_sandbox().port)
    command = [sys.executable, "-m", "orchestrator.embedded.sandbox", "--port", port]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr
