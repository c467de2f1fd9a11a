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
from tests.support.stack import working_stack

OPTIONS = (
    *("run", "--checks", "all", "--continue-on-failure", "--seed", "1"),
    *("--generation-database", "none"),
)
#: What the document has takes as long as it takes; what is made up has a minute, and half of one.
RUNS = (
    ("--phases", "examples,coverage"),
    ("--phases", "fuzzing", "--max-examples", "10", "--max-time", "60"),
    ("--phases", "stateful", "--max-examples", "10", "--max-time", "30"),
)


def main(schemathesis: str, *options: str) -> int:
    """Return the exit code of Schemathesis; later *options* overrule ours."""
    key = secrets.token_hex(32)
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.support.contract_hooks",
        "PYTHONPATH": str(ROOT),
    }
    with TemporaryDirectory() as folder, working_stack(Path(folder)) as stack:
        variables = {**stack.variables, "EMASAI_API_KEY": key}
        with running_api(variables, Path(folder) / "api.log") as (_, client):
            command = [
                *(str(Path(schemathesis).resolve()), *OPTIONS),
                *("--header", f"Authorization: Bearer {key}"),
                str(client.base_url.join("/openapi.json")),
            ]
            return max(
                subprocess.run(
                    [*command, *run, *options], env=environment, cwd=folder, check=False
                ).returncode
                for run in RUNS
            )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
