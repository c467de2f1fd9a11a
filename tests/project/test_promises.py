"""Promises of the README: each names a test that holds it, and that test exists and runs."""

import re
import subprocess
import sys

import pytest

from tests.support.project import ROOT, read

_PROMISE = re.compile(r"^\d+\. ((?:.+\n)(?:   .+\n)*)", re.MULTILINE)
_TEST = re.compile(
    r'^\[(?P<label>[^\]]+)\]: (?P<file>tests/\S+\.py) "(?P<test>test_\w+)"$', re.MULTILINE
)
_LABEL = re.compile(r"\[([^\[\]]+)\](?!\()")


def _section(name: str, heading: str) -> str:
    _, _, rest = read(name).partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def _named() -> tuple[list[set[str]], dict[str, str]]:
    """Return the labels that each promise uses, and the test behind each label."""
    section = _section("README.md", "What it promises")
    promises = [set(_LABEL.findall(promise)) for promise in _PROMISE.findall(section)]
    tests = {each["label"]: f"{each['file']}::{each['test']}" for each in _TEST.finditer(section)}
    return promises, tests


def test_each_promise_names_a_test() -> None:
    """What is promised is linked to what would fail if it were broken."""
    promises, tests = _named()

    assert promises
    assert [number for number, labels in enumerate(promises, 1) if not labels & tests.keys()] == []
    assert tests.keys() == set().union(*promises)


@pytest.mark.timeout(300)  # a whole collection, which a busy machine takes its time for
def test_what_promises_name_exists_and_is_not_skipped() -> None:
    """Each of the tests is collected, without a mark that may keep it from running."""
    _, tests = _named()

    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly")

    ended = subprocess.run(
        [*command, "-m", "not (skip or skipif or xfail)", *tests.values()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    collected = {line.partition("[")[0] for line in ended.stdout.splitlines() if "::" in line}
    assert set(tests.values()) - collected == set(), ended.stdout
    assert ended.returncode == 0


def test_the_spanish_readme_promises_as_much() -> None:
    """As many promises, in the same order; its reader is led to the tests by their numbers."""
    spanish = _section("README.es.md", "Lo que promete")

    assert len(_PROMISE.findall(spanish)) == len(_named()[0])
    assert "(README.md#what-it-promises)" in spanish
