"""docker-compose.yml and Dockerfile: nothing unhealthy, unbounded, privileged or indiscreet."""

import re
from typing import Any

import pytest

from orchestrator.memo import MemoOptions
from orchestrator.purchasing import RECONCILE_GRACE
from orchestrator.settings import Settings
from orchestrator.surfsense import RunTimeouts
from tests.support.project import compose, read

SERVICES: dict[str, Any] = compose()["services"]
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)([^}]*)\}")
_SECRET = re.compile(r"PASSWORD|API_KEY|AUTH")


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


@each_service
def test_services_are_watched_and_bounded(service: dict[str, Any]) -> None:
    """Each service reports whether it is healthy, is restarted, and cannot take all memory."""
    if service["restart"] == "unless-stopped":
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    else:
        assert service["restart"] == "no"
        assert service["command"] == ["emasai", "db", "upgrade"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0


@each_service
def test_services_have_no_privileges(service: dict[str, Any]) -> None:
    """No service is root, may become it, or writes anywhere but to its volumes and /tmp."""
    # Our own image says so itself: see the test of the Dockerfile.
    assert "build" in service or service["user"] not in {"root", "0"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True


@each_service
def test_no_secret_stands_on_a_command_line(service: dict[str, Any]) -> None:
    """Commands and health checks, which `ps` shows, are handed no variable of .env."""
    commands = [service.get("entrypoint"), service.get("command"), service["healthcheck"]]

    assert _VARIABLE.findall(str(commands)) == []


def test_every_variable_is_required_by_name() -> None:
    """What .env must have is asked for with `:?`, and `.env.example` has a line to fill in."""
    variables = _VARIABLE.findall(read("docker-compose.yml"))

    asked = {"VALKEY_PASSWORD", "POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD", "EMASAI_API_KEY"}
    assert asked < dict(variables).keys()
    for name, rule in variables:
        assert rule.startswith(":?"), name
        assert f"\n{name}=\n" in read(".env.example"), name


def test_only_the_api_is_reachable_and_only_from_this_host() -> None:
    """Databases and the sandbox have no way out and no door; the API's is on loopback."""
    assert compose()["networks"]["servers"] == {"internal": True}
    for name, service in SERVICES.items():
        if name in {"worker", "api"}:
            assert service["networks"] == ["servers", "outside"]
        else:
            assert service["networks"] == ["servers"]
        ports = service.get("ports", [])
        assert ports == (["127.0.0.1:8001:8001"] if name == "api" else [])


def test_a_stop_leaves_time_for_what_is_being_paid_for() -> None:
    """A worker's grace outlasts the longest purchase, and the storing of its answer."""
    answer = Settings.model_fields["surfsense_timeout"].default
    buying = answer + RECONCILE_GRACE + RunTimeouts().interrupted
    longest = buying + MemoOptions().commit_patience

    assert _seconds(SERVICES["worker"]["stop_grace_period"]) > longest.total_seconds()


def test_the_server_loses_no_work() -> None:
    """Valkey appends to a file, evicts nothing, and has room to rewrite that file."""
    (script,) = SERVICES["valkey"]["command"]

    assert "\nappendonly yes\n" in script
    assert "\nmaxmemory-policy noeviction\n" in script
    assert "\nmaxmemory 512mb\n" in script
    assert SERVICES["valkey"]["mem_limit"] == "1g"


def test_all_programs_wait_for_healthy_servers() -> None:
    """Worker and API start after their servers, and after the sandbox where it is asked for."""
    for name in ("worker", "api"):
        needs = SERVICES[name]["depends_on"]
        assert needs["valkey"]["condition"] == "service_healthy"
        assert needs["upgrade"]["condition"] == "service_completed_successfully"
        assert needs["sandbox"] == {"condition": "service_healthy", "required": False}
    assert SERVICES["upgrade"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["sandbox"]["profiles"] == ["sandbox"]


def test_only_the_upgrade_is_the_owner_of_the_tables() -> None:
    """Worker and API have a role of their own; the superuser's password is not in their reach."""
    urls = {
        name: service["environment"]["DATABASE_URL"]
        for name, service in SERVICES.items()
        if "DATABASE_URL" in service.get("environment", {})
    }

    assert urls.keys() == {"upgrade", "worker", "api"}
    assert {url.partition(":$")[0] for url in urls.values()} == {"postgresql://emasai_app"}
    assert "POSTGRES_PASSWORD" not in str([SERVICES["worker"], SERVICES["api"]])


def test_the_image_is_not_root() -> None:
    """The last word of the Dockerfile about its user is a number other than 0."""
    users = re.findall(r"^USER (\S+)$", read("Dockerfile"), re.MULTILINE)

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_the_image_has_only_what_was_checked() -> None:
    """Packages are checked against their hashes, and then installed from those files alone."""
    dockerfile = read("Dockerfile")

    assert "--no-deps --require-hashes --requirement constraints.txt" in dockerfile
    assert len(re.findall(r"pip .*install", dockerfile)) == 1
    assert "--no-index --find-links /wheels ." in dockerfile


def test_secrets_do_not_reach_the_build() -> None:
    """The build sees what .dockerignore lists, and nothing else: no .env, no data."""
    first, *rest = [line for line in read(".dockerignore").splitlines() if line[:1] != "#"]
    admitted = {line.removeprefix("!") for line in rest if line.startswith("!")}

    assert first == "*"
    assert admitted == {
        "LICENSE",
        "README.md",
        "agents",
        "constraints.txt",
        "orchestrator",
        "pyproject.toml",
        "tasks",
    }


def test_passwords_are_not_in_the_files() -> None:
    """Nothing that sounds like a secret has a value in docker-compose.yml or `.env.example`."""
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if _SECRET.search(name):
                assert value is None or _VARIABLE.fullmatch(value), name
    for name, value in re.findall(r"^#?(\w+)=(.*)$", read(".env.example"), re.MULTILINE):
        assert not (_SECRET.search(name) and value), name
