"""The doctor finds each fault that was planted in a SurfSense, and says what to set or do."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.doctor import Diagnosis, Level
from orchestrator.doctor.surfsense import check_surfsense
from orchestrator.evidence.model import Step
from orchestrator.settings import load
from tests.support.capabilities import every_verb, verb
from tests.support.planted_surfsense import (
    CAPABILITIES,
    HEALTHY,
    KEY,
    PAGE,
    WORKSPACE,
    Planted,
    PlantedSurfSense,
    error,
)

NOT_ENABLED = error(403, "FORBIDDEN", "API access is not enabled for this workspace.")
NO_ACCESS = error(403, "FORBIDDEN", "You don't have access to this workspace")
UNAUTHORIZED = error(401, "UNAUTHORIZED", "Could not validate credentials")
SOUTH = WORKSPACE | {"id": 12, "name": "Ventas Sur"}
SOON = timedelta(seconds=1)
#: What one company may cost, where nothing is set.
CEILING = 17_000


async def diagnose(
    surfsense: PlantedSurfSense, path: str = "", **variables: str
) -> list[Diagnosis]:
    """Return what the doctor says, having asked with GET alone and shown no key."""
    settings = {
        "REDIS_URL": "redis://127.0.0.1:1/1",
        "DATABASE_URL": "sqlite:///unused.sqlite",
        "SURFSENSE_URL": surfsense.url + path,
        "SURFSENSE_PROTOCOL": "workspace",
        "SURFSENSE_API_KEY": KEY,
    }
    found = await check_surfsense(load(**settings | variables))
    assert {method for method, _ in surfsense.asked} <= {"GET"}
    assert KEY not in repr(found)
    return found


async def planted(
    changes: Mapping[str, Planted], path: str = "", **variables: str
) -> list[Diagnosis]:
    """Return what the doctor says of a healthy SurfSense with these *changes*."""
    async with PlantedSurfSense({**HEALTHY, **changes}) as surfsense:
        return await diagnose(surfsense, path, **variables)


def troubles(found: list[Diagnosis]) -> list[tuple[str, Level]]:
    """Return the checks that found something, each with its level."""
    return [(each.check, each.level) for each in found if each.level is not Level.OK]


def said(found: list[Diagnosis]) -> str:
    """Return all that was said in one text."""
    return "\n".join(f"{each.check}: {each.what} | {each.fix}" for each in found)


@pytest.mark.parametrize("wanted", ["3", "Ventas Norte", "ventas norte", ""])
@pytest.mark.parametrize("path", ["", "/", "/api/v1", "/api/v1/"])
async def test_a_healthy_service_has_no_fault(wanted: str, path: str) -> None:
    """However the workspace and the address are written; prices and credit are told."""
    found = await planted({}, path, SURFSENSE_WORKSPACE_ID=wanted)

    assert troubles(found) == []
    assert "workspace 3 may be used" in said(found)
    assert "maps, search, crawl, pages, jobs can be bought" in said(found)
    assert "3,500 a place (maps), 5,500 a page (search)" in said(found)
    assert "$5.0000 left, for 294 companies" in said(found)


@pytest.mark.parametrize(
    ("changes", "wanted", "check", "words"),
    [
        ({"/verify-token": UNAUTHORIZED}, "3", "token", "SURFSENSE_API_KEY"),
        ({CAPABILITIES: UNAUTHORIZED}, "3", "token", "SURFSENSE_API_KEY"),
        ({CAPABILITIES: NOT_ENABLED}, "3", "workspace", "API access is switched off in workspace"),
        ({"/api/v1/workspaces": (200, [])}, "", "workspace", "Switch API access on"),
        ({"/api/v1/workspaces": (200, [])}, "Sur", "workspace", "Switch API access on"),
        ({"/api/v1/workspaces": (200, [WORKSPACE, SOUTH])}, "", "workspace", "'Ventas Sur' (12)."),
        ({}, "Compras", "workspace", "no workspace named 'Compras'"),
        (
            {"/api/v1/workspaces/7/scrapers/capabilities": NO_ACCESS},
            "7",
            "workspace",
            "SURFSENSE_WORKSPACE_ID to one of 'Ventas Norte' (3).",
        ),
        (
            {CAPABILITIES: NO_ACCESS, "/api/v1/workspaces": (500, PAGE)},
            "3",
            "workspace",
            "no access to workspace 3 (403)",
        ),
        ({"/api/v1/workspaces": (502, PAGE)}, "", "workspace", "status 502, a web page"),
        ({CAPABILITIES: (404, {"detail": "Not Found"})}, "3", "version", "Upgrade SurfSense"),
        ({CAPABILITIES: (200, [])}, "3", "version", "none of the verbs"),
        ({CAPABILITIES: (200, {"odd": 1})}, "3", "version", "none of the verbs"),
        ({CAPABILITIES: (500, PAGE)}, "3", "verbs", "cannot be read (status 500, a web page)"),
        ({CAPABILITIES: error(429, "RATE_LIMIT_EXCEEDED", "slow")}, "3", "verbs", "status 429"),
        ({"/users/me": (200, {"credit_micros_balance": 0})}, "3", "credit", "for 0 companies"),
        ({"/users/me": (200, {"credit_micros_balance": -7})}, "3", "credit", "for 0 companies"),
        (
            {"/users/me": (200, {"credit_micros_balance": CEILING - 1})},
            "3",
            "credit",
            "for 0 companies at $0.0170 each",
        ),
    ],
)
async def test_each_fault_is_told_from_the_others(
    changes: dict[str, Planted], wanted: str, check: str, words: str
) -> None:
    """One diagnosis names it, with its fix; nothing that follows from it is said."""
    found = await planted(changes, SURFSENSE_WORKSPACE_ID=wanted)

    assert troubles(found) == [(f"surfsense {check}", Level.FAULT)]
    assert words in said(found)


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        *(
            (
                {
                    CAPABILITIES: (
                        200,
                        [each for each in every_verb() if not say.startswith(each["name"])],
                    )
                },
                "verbs",
                say,
            )
            for say in [
                "google_maps.scrape; not bought: maps",
                "google_search.scrape; not bought: search",
                "web.crawl; not bought: crawl, pages",
                "indeed.scrape; not bought: jobs",
            ]
        ),
        (
            {CAPABILITIES: (200, [*every_verb()[1:4], verb(Step.JOBS, lacks=["max_items"])])},
            "verbs",
            "no longer takes max_items, which bounds its price",
        ),
        (
            {CAPABILITIES: (200, [verb(Step.MAPS, lacks=["website"]), *every_verb()[2:]])},
            "verbs",
            "google_maps.scrape no longer answers with website",
        ),
        (
            {
                CAPABILITIES: (
                    200,
                    [
                        verb(Step.MAPS, pricing=[{"unit": "place", "micros_per_unit": 4_000}]),
                        *every_verb()[2:],
                    ],
                )
            },
            "prices",
            "a place (maps) costs 4,000 micro-USD, not 3,500",
        ),
        (
            {"/users/me": (200, {"credit_micros_balance": 99 * CEILING})},
            "credit",
            "for 99 companies",
        ),
        ({"/users/me": (500, PAGE)}, "credit", "cannot be read (status 500, a web page)"),
        ({"/users/me": (200, {})}, "credit", "cannot be read"),
    ],
)
async def test_what_works_less_well_is_a_warning(
    changes: dict[str, Planted], check: str, words: str
) -> None:
    """A step that is off, a field that is gone, a higher price, little credit."""
    found = await planted(changes, SURFSENSE_WORKSPACE_ID="3")

    assert troubles(found) == [(f"surfsense {check}", Level.WARNING)]
    assert words in said(found)


async def test_a_ceiling_below_every_price_is_a_fault() -> None:
    """Nothing could be bought; the doctor says what to set."""
    found = await planted({}, EMASAI_PRICE_MICROS="1999")

    assert troubles(found) == [("surfsense prices", Level.FAULT)]
    assert "Set EMASAI_PRICE_MICROS to at least 2000" in said(found)


async def test_where_billing_is_off_no_credit_is_needed() -> None:
    """As in an installation of one's own."""
    free = [verb(step, pricing=[]) for step in Step]

    found = await planted({CAPABILITIES: (200, free), "/users/me": (500, PAGE)})

    assert troubles(found) == []
    assert "billing is switched off" in said(found)


async def test_the_credit_of_another_owner_is_unknown() -> None:
    """The owner pays, and only the owner can read what is left."""
    found = await planted({"/api/v1/workspaces": (200, [WORKSPACE | {"is_owner": False}])})

    assert troubles(found) == []
    assert "the workspace's owner pays" in said(found)


async def test_a_workspace_by_number_needs_no_list() -> None:
    """One refused request spoils no other check."""
    found = await planted({"/api/v1/workspaces": (500, PAGE)}, SURFSENSE_WORKSPACE_ID="3")

    assert troubles(found) == []
    assert "$5.0000 left" in said(found)


@pytest.mark.parametrize(
    "health", [(404, {"detail": "Not Found"}), (403, PAGE), (500, {"status": "down"}), (0, None)]
)
async def test_a_health_that_is_refused_hides_nothing(
    health: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may keep `/health` to itself: the other checks go on."""
    monkeypatch.setattr("orchestrator.doctor.surfsense.PATIENCE", SOON)

    found = await planted({"/health": health, "/users/me": (200, {"credit_micros_balance": 0})})

    assert troubles(found) == [
        ("surfsense", Level.WARNING),
        ("surfsense credit", Level.FAULT),
    ]


async def test_a_token_that_cannot_be_checked_is_proven_by_the_verbs() -> None:
    """A limit that one path has reached says nothing of the token."""
    slow = error(429, "RATE_LIMIT_EXCEEDED", "Too many requests.")

    assert troubles(await planted({"/verify-token": slow})) == []


@pytest.mark.parametrize(
    ("protocol", "path", "check", "words"),
    [
        ("enrich", "", "surfsense protocol", "SURFSENSE_PROTOCOL=workspace"),
        ("enrich", "/enrich", "surfsense", "Remove the path"),
        ("workspace", "/api/v1/workspaces/3/scrapers", "surfsense", "Remove the path"),
        ("workspace", "/dashboard", "surfsense", "Remove the path"),
    ],
)
async def test_a_wrong_address_of_surfsense_is_named(
    protocol: str, path: str, check: str, words: str
) -> None:
    """Whichever protocol is expected there."""
    found = await planted({}, path, SURFSENSE_PROTOCOL=protocol)

    assert troubles(found) == [(check, Level.FAULT)]
    assert words in said(found)


@pytest.mark.parametrize(
    ("answers", "otherwise", "check", "words"),
    [
        (
            {"/health": (200, {"status": "ok"}), "/enrich": (405, {"detail": "no"})},
            None,
            "surfsense protocol",
            "SURFSENSE_PROTOCOL=enrich",
        ),
        ({"/health": (200, {"status": "ok"})}, None, "surfsense protocol", "origin of SurfSense"),
        ({}, None, "surfsense", "no /health"),
        ({}, (200, PAGE), "surfsense", "port 8000"),
        ({}, (403, PAGE), "surfsense", "asks for a login"),
        ({}, (502, PAGE), "surfsense", "Look at the proxy's log"),
        ({}, (524, PAGE), "surfsense", "a proxy answers for"),
        ({}, (302, PAGE), "surfsense", "redirects are not followed"),
        ({}, (401, {"detail": "no"}), "surfsense", "SURFSENSE_API_KEY"),
        ({}, (200, {"hello": "world"}), "surfsense", "not another service"),
    ],
)
async def test_what_is_not_surfsense_is_told_apart(
    answers: dict[str, Planted], otherwise: Planted | None, check: str, words: str
) -> None:
    """The simple contract, another service, the application's pages, a proxy, a login."""
    async with PlantedSurfSense(answers, otherwise=otherwise) as surfsense:
        found = await diagnose(surfsense, SURFSENSE_WORKSPACE_ID="3")

    assert troubles(found) == [(check, Level.FAULT)]
    assert words in said(found)


async def test_a_service_below_a_path_is_found() -> None:
    """A proxy may put it there: the address is right as it is."""
    number = {"SURFSENSE_WORKSPACE_ID": "3"}
    async with PlantedSurfSense(HEALTHY, below="/surf") as surfsense:
        assert troubles(await diagnose(surfsense, "/surf", **number)) == []
        assert troubles(await diagnose(surfsense, "/surf/api/v1", **number)) == []


async def test_a_port_where_nothing_listens_is_one_fault() -> None:
    """With the address, and what may be wrong with it."""
    async with PlantedSurfSense(HEALTHY) as surfsense:
        url = surfsense.url
    found = await diagnose(surfsense, SURFSENSE_URL=url)

    assert troubles(found) == [("surfsense", Level.FAULT)]
    assert "cannot be reached (no connection could be made)" in said(found)
    assert "port" in said(found)


@pytest.mark.parametrize("body", [None, 7, [None], [[]], "x", {"error": 7}, [{"name": []}], PAGE])
@pytest.mark.parametrize("path", HEALTHY)
async def test_no_answer_of_a_server_is_a_traceback(path: str, body: Any) -> None:  # noqa: ANN401 - any JSON
    """Odd JSON under any path leads to diagnoses."""
    assert await planted({path: (200, body)}, SURFSENSE_WORKSPACE_ID="3")
