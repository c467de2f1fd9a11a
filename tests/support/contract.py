"""`python -m tests.support.contract SCHEMATHESIS [OPTION]...`: the API against its own document.

Schemathesis reads `/openapi.json` of a real process on the embedded stack, and sends what the
document allows and what it does not, one request after another and in chains of them.
"""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.api_process import running_api
from tests.support.project import ROOT
from tests.support.stack import running_stack

#: The same requests each time. Every check, in every phase, for ten minutes at most.
OPTIONS = (
    *("run", "--checks", "all", "--continue-on-failure", "--max-time", "600"),
    *("--seed", "1", "--max-examples", "10", "--generation-database", "none"),
)


def main(schemathesis: str, *options: str) -> int:
    """Return the exit code of Schemathesis; later *options* overrule ours."""
    key = secrets.token_hex(32)
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.support.contract_hooks",
        "PYTHONPATH": str(ROOT),
    }
    with TemporaryDirectory() as folder, running_stack(Path(folder), workers=1) as stack:
        variables = {**stack.variables, "EMASAI_API_KEY": key}
        with running_api(variables, Path(folder) / "api.log") as (_, client):
            command = [
                *(str(Path(schemathesis).resolve()), *OPTIONS, *options),
                *("--header", f"Authorization: Bearer {key}"),
                str(client.base_url.join("/openapi.json")),
            ]
            return subprocess.run(command, env=environment, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
