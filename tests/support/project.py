"""What the project's files say, for the tests that hold them against each other."""

import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    """Return the text of one of the project's files."""
    return (ROOT / name).read_text("utf-8")


def pyproject() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads(read("pyproject.toml"))


def compose() -> dict[str, Any]:
    """Return docker-compose.yml with its anchors resolved and its variables as they stand."""
    parsed: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    return parsed


def project_files() -> list[Path]:
    """Return all files that are, or are about to be, under version control."""
    git = shutil.which("git")
    assert git is not None
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def project_files_like(pattern: str) -> Iterator[Path]:
    """Yield the project's files whose name matches the glob *pattern*."""
    return (path for path in project_files() if path.match(pattern))
