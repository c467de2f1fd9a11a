"""Files: their sizes, what they must not contain, and their packages."""

import itertools
import re
from pathlib import Path

import pytest

import agents
import orchestrator
import tasks
from tests.support.project import ROOT, project_files, project_files_like, pyproject, read

#: A file that wants more has two ideas.
MOST_LINES = 600

# In two parts each, so that this file does not name what it forbids.
_REGISTRIES = ("pypi" + ".org", "python" + "hosted", "docker" + ".io", "ghcr" + ".io")
_MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:root|home|Users|work)" + r"/[\w.]")
# A server that is started any other way would not have its keys checked.
_STARTS_SERVER = re.compile(r"\b(open_stack|start_valkey)\(")
_STARTERS = {"tests/support/valkey.py", "tests/support/stack.py"}
_LUA_CALL = re.compile(r"-- (\w+)\(KEYS: ")


def test_python_files_are_short() -> None:
    """A Python file that grows beyond 600 lines is split by idea."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in project_files_like("*.py")
    }

    assert len(lengths) > 100
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    """The project installs from whatever index its user has, and runs in any folder."""
    faults = []
    for path in project_files():
        text = path.read_text("utf-8", errors="replace")
        faults += [f"{path.name}: {name}" for name in _REGISTRIES if name in text]
        faults += [f"{path.name}: {found}" for found in _MACHINE_PATH.findall(text)]

    assert faults == []


def test_packages_are_ours() -> None:
    """`agents` and `tasks` are names that others use too; these are the ones in this tree."""
    for package in (agents, orchestrator, tasks):
        assert package.__file__ == str(ROOT / package.__name__ / "__init__.py")


def test_packages_are_listed_by_name() -> None:
    """The wheel has the three packages and nothing else; automatic discovery would refuse."""
    wheel = pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert sorted(wheel["packages"]) == ["agents", "orchestrator", "tasks"]


@pytest.mark.parametrize(
    "path", sorted(project_files_like("*.lua")), ids=lambda path: f"{path.parts[-3]}-{path.stem}"
)
def test_lua_files_begin_with_what_they_do(path: Path) -> None:
    """A Lua file says its call, what it returns and what it keeps before its first statement."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    header = "".join(itertools.takewhile(lambda line: line.startswith("--"), lines))

    call = _LUA_CALL.match(header)
    assert call is not None
    assert call[1] == path.stem
    assert "ARGV: " in header
    assert "Returns " in header or " -> " in header
    assert "-- Keeps: " in header


def test_ci_runs_what_the_readme_says() -> None:
    """CI runs `make check`, which ends with the README's `make test`, and the lowest versions."""
    assert (
        "exec make -j2 --output-sync=target check docs test-contract test-lowest test-newest\n"
        in read(".ci/run")
    )
    assert re.search(r"^check: static test\b", read("Makefile"), re.MULTILINE)
    assert "$ make test\n" in read("README.md")


def test_no_test_starts_a_server_that_is_not_looked_at() -> None:
    """Tests start servers and stacks through `tests/support`, which has them looked at."""
    names = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in project_files_like("*.py")
        if path.is_relative_to(ROOT / "tests")
    }

    assert len(names) > 100
    assert {name for name, text in names.items() if _STARTS_SERVER.search(text)} == _STARTERS
