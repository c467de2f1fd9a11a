"""Dependencies: all declared, all used, all pinned; and tools that need no network."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import yaml

from tests.support.project import ROOT, project_files_like, pyproject, read

#: Imported as parts of what is declared: the same project versions them together.
_PARTS = {"kombu": "celery", "pydantic-core": "pydantic", "starlette": "fastapi"}
_OURS = {"agents", "orchestrator", "tasks"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}


def _imported(*, embedded: bool) -> Iterator[str]:
    """Yield the top-level modules that the embedded stack imports, or all the rest."""
    for path in project_files_like("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] not in _OURS or (parts[1] == "embedded") is not embedded:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def _used(*, embedded: bool = False) -> set[str]:
    distributions = packages_distributions()
    names = {
        _normal(distributions[module][0])
        for module in set(_imported(embedded=embedded)) - sys.stdlib_module_names - _OURS
    }
    return {_PARTS.get(name, name) for name in names}


def test_what_is_imported_is_declared() -> None:
    """The program imports no package that only happens to be installed."""
    project = pyproject()["project"]
    declared = _names(project["dependencies"])
    extra = _names(project["optional-dependencies"]["embedded"])

    assert _used() - declared == set()
    assert _used(embedded=True) - declared == extra


def test_what_is_declared_is_imported() -> None:
    """No dependency of production is a burden that nothing uses there."""
    declared = _names(pyproject()["project"]["dependencies"])

    assert declared - _used() == set()


def test_the_broker_s_own_needs_are_declared() -> None:
    """Celery reaches Redis through its extra, which brings more than the client."""
    assert "celery[redis]" in str(pyproject()["project"]["dependencies"])


def test_everything_is_pinned_with_hashes() -> None:
    """All that is declared has an exact version and a hash in one list, those of mutmut apart."""
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    usual = [name for extra in extras if extra != "mutants" for name in extras[extra]]
    everyday = _pinned("constraints.txt")
    apart = _pinned("constraints-mutants.txt")

    assert _names(project["dependencies"] + usual) - everyday.keys() == set()
    assert _names(extras["mutants"]) - apart.keys() == set()
    assert everyday.keys() & apart.keys() == set()
    assert all(everyday.values())
    assert all(apart.values())


def test_no_development_tool_renames_processes() -> None:
    """Celery calls its workers something else where setproctitle is installed."""
    assert "setproctitle" not in _pinned("constraints.txt")


def _pinned(name: str) -> dict[str, int]:
    """Return the packages that the list *name* pins, with how many hashes each has."""
    pinned = {}
    blocks = re.split(r"\n(?=\S)", read(name).strip())
    for block in blocks:
        pin = re.match(r"([A-Za-z0-9._-]+)==\S+", block)
        assert pin is not None, block[:80]
        pinned[_normal(pin[1])] = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block))
    return pinned


def test_the_list_is_installed_as_it_is() -> None:
    """No resolver looks beyond the list: a release of tomorrow cannot break today's set-up."""
    for name in ("Makefile", "Dockerfile"):
        assert "--no-deps --require-hashes" in read(name), name
    assert "pip check" in read("Makefile")


def test_hooks_need_no_network() -> None:
    """Every pre-commit hook is a pinned tool of .venv."""
    repositories = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]

    assert [repository["repo"] for repository in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
