"""Writes constraints-lowest.txt: the lowest versions that pyproject.toml allows, with hashes.

`python -m tools.lowest` needs `uv` on PATH. Our direct dependencies are at their lower bounds, what
they need is at its newest, and what runs the tests is as in constraints.txt. `make test-lowest`
installs the list and runs the unit tests: a bound that no longer holds fails there.
"""

import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
OUTPUT: Final = ROOT / "constraints-lowest.txt"
#: What the unit tests import or pytest loads, beside the program's own dependencies.
TESTING: Final = (
    *("hypothesis", "lupa", "pytest", "pytest-asyncio", "pytest-randomly"),
    *("pytest-timeout", "pytest-xdist", "pyyaml", "respx", "editables", "hatchling"),
)


def main() -> None:
    """Resolve, and write the list."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["embedded"]
    names = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in declared}
    pinned = (ROOT / "constraints.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", pinned, re.MULTILINE))
    testing = [f"{name}=={pins[name]}" for name in TESTING if name not in names]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.in"
        wanted.write_text("\n".join([*declared, *testing]) + "\n", "utf-8")
        subprocess.run(
            [
                *("uv", "pip", "compile", str(wanted), "--quiet", "--universal", "--upgrade"),
                *("--resolution", "lowest-direct", "--python-version", "3.11"),
                *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
                *("--no-emit-find-links", "--output-file", str(OUTPUT)),
            ],
            check=True,
            cwd=folder,
        )


if __name__ == "__main__":
    main()
