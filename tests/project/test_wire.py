"""What crosses processes: names of tasks, and errors."""

import ast
import importlib
import json
import os
import pickle  # noqa: TID251 - proves that an error survives it; nothing here uses it
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from inspect import Parameter, signature
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

import agents
import orchestrator
from agents.case import Localized
from orchestrator.leadfile.flaws import MISSING, Flaw
from orchestrator.messaging import app as names
from tests.support.project import ROOT, project_files_like

_TASK_NAMES = {
    constant: value for constant, value in vars(names).items() if constant.startswith("TASK_")
}
#: Importing them does something: they are entries, not parts.
_ENTRIES = ("__main__", "celery_app", "env")
#: Servers: their errors are answers to one request, and never leave the process as such.
_SERVERS = ("orchestrator.http.", "orchestrator.embedded.sandbox.")
_SAMPLES: dict[object, object] = {
    str: "text",
    int: 7,
    int | None: 7,
    str | None: "text",
    str | int: "more",
    tuple[str, ...]: ("one", "two"),
    dict[str, str]: {"cp1250": "Gdańsk"},
    Path: Path("a.log"),
    UUID: UUID(int=7),
    Flaw: Flaw(MISSING),
    Localized: MISSING.message,
}


def _modules() -> Iterator[ModuleType]:
    for package in (agents, orchestrator):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            is_entry = module.name.rpartition(".")[2] in _ENTRIES
            if not is_entry and not module.name.startswith(_SERVERS):
                yield importlib.import_module(module.name)


def _errors() -> Iterator[type[Exception]]:
    for module in _modules():
        for value in vars(module).values():
            is_error = isinstance(value, type) and issubclass(value, Exception)
            if is_error and value.__module__ == module.__name__:
                yield value


def _name(error: type[Exception]) -> str:
    return f"{error.__module__}.{error.__name__}"


def _sample(error: type[Exception]) -> Exception:
    if error.__init__ is Exception.__init__:
        return error("text")
    parameters = signature(error.__init__, eval_str=True).parameters.values()
    assert all(parameter.kind is not Parameter.KEYWORD_ONLY for parameter in parameters)
    return error(*(_SAMPLES[parameter.annotation] for parameter in list(parameters)[1:]))


ERRORS = sorted(_errors(), key=_name)


def test_errors_are_found() -> None:
    """The tests below look at the errors of all packages, not at none."""
    assert {"MemoError", "RateLimited", "ConfigurationError"} <= {e.__name__ for e in ERRORS}


@pytest.mark.parametrize("kind", ERRORS, ids=_name)
def test_an_error_survives_being_rebuilt_from_its_arguments(kind: type[Exception]) -> None:
    """Celery, pickle and our failure records rebuild an error by calling its class with args."""
    error = _sample(kind)

    for rebuilt in (kind(*error.args), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(rebuilt) is kind
        assert rebuilt.args == error.args
        assert vars(rebuilt) == vars(error)
        assert str(rebuilt) == str(error)


def test_task_names_are_all_different() -> None:
    """No two names of tasks mean the same message."""
    assert len(set(_TASK_NAMES.values())) == len(_TASK_NAMES) > 2


def test_each_task_name_is_given_once_and_from_the_list() -> None:
    """A task is registered under a constant of `orchestrator.messaging.app`, each under its own."""
    given = []
    for path in project_files_like("*.py"):
        if path.relative_to(ROOT).parts[0] == "tasks":
            given += list(_names_given(ast.parse(path.read_text("utf-8"))))

    assert sorted(given) == sorted(_TASK_NAMES)


def _names_given(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".task", "shared_task")):
            (name,) = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
            yield ast.unparse(name)


def test_the_application_has_exactly_these_tasks() -> None:
    """`celery -A orchestrator.celery_app` registers every named task, and no other."""
    environment = {
        **os.environ,
        "REDIS_URL": "redis://127.0.0.1:1/1",
        "DATABASE_URL": "sqlite:///never-opened.sqlite",
        "SURFSENSE_URL": "http://127.0.0.1:1",
    }
    registered: list[Any] = json.loads(
        subprocess.run(
            [sys.executable, "-c", _LIST_TASKS], cwd=ROOT, env=environment, stdout=-1, check=True
        ).stdout
    )

    ours = [name for name in registered if not name.startswith("celery.")]
    assert sorted(ours) == sorted(_TASK_NAMES.values())


_LIST_TASKS = """
import json
from orchestrator.celery_app import app
app.loader.import_default_modules()
print(json.dumps(list(app.tasks)))
"""
