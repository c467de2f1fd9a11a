"""Watches over HTTP: chosen and bounded as those of `emasai schedule`."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from orchestrator.settings import Settings

from .conftest import Api, OpenApi

URL = "/api/v1/watches"
WEEK = 604_800


async def changed(api: Api, path: str = "", **what: object) -> httpx.Response:
    """Return the answer to a change."""
    return await api.client.post(f"{URL}{path}", json=what)


async def listed(api: Api, **params: str | int) -> list[dict[str, Any]]:
    """Return what is watched."""
    found: list[dict[str, Any]] = (await api.client.get(URL, params=params)).json()["watches"]
    return found


async def test_companies_are_watched_once(api: Api) -> None:
    """Spellings of a company are one watch; adding it again changes the period."""
    first = await changed(api, names=["Acme", "ACME, S.A.", "Beta"], every_s=WEEK)
    again = await changed(api, names=["acme"], every_s=3_600)

    watches = {each["company_key"]: each for each in await listed(api)}
    assert (first.status_code, len(first.json()["watches"])) == (201, 2)
    assert again.json()["watches"] == [watches["acme"]["id"]]
    assert {key: each["every_s"] for key, each in watches.items()} == {"acme": 3_600, "beta": WEEK}
    due = await api.runtime.backends.jobs_redis.zcard("schedule1:due")
    assert due == 2


async def test_watches_pause_go_on_and_end(api: Api) -> None:
    """By name, or all of them; the rule is one, too."""
    await changed(api, names=["Acme", "Beta"], every_s=WEEK)
    await changed(api, open_opportunities=True, every_s=WEEK)

    await changed(api, "/pause", names=["Acme"])
    paused = [each["company_key"] for each in await listed(api) if each["paused"]]
    await changed(api, "/pause")
    all_paused = [each["paused"] for each in await listed(api)]
    await changed(api, "/resume", open_opportunities=True)
    rule = [each for each in await listed(api) if not each["paused"]]
    removed = await changed(api, "/remove", names=["Acme"])

    assert paused == ["acme"]
    assert all_paused == [True, True, True]
    assert [(each["kind"], each["company"]) for each in rule] == [("rule", None)]
    assert len(removed.json()["watches"]) == 1
    assert {each["company_key"] for each in await listed(api)} == {"beta", None}


async def test_a_list_has_pages(api: Api) -> None:
    """Each watch is on one of them."""
    await changed(api, names=[f"Company {n}" for n in range(5)], every_s=WEEK)
    found, after = [], None
    while True:
        params: dict[str, str | int] = {"limit": 2} | ({} if after is None else {"after": after})
        page = (await api.client.get(URL, params=params)).json()
        found += [each["id"] for each in page["watches"]]
        after = page["next_after"]
        if after is None:
            break

    assert len(found) == len(set(found)) == 5


@pytest.mark.parametrize(
    ("path", "what", "code"),
    [
        ("", {"names": ["Acme"], "every_s": 3_599}, "invalid_request"),
        ("", {"names": ["Acme"], "every_s": 90 * 86_400 + 1}, "invalid_request"),
        ("", {"names": ["Acme"], "every_s": "7d"}, "invalid_request"),
        ("", {"every_s": WEEK}, "invalid_request"),
        ("", {"names": [" "], "every_s": WEEK}, "invalid_request"),
        ("", {"names": ["A"] * 101, "every_s": WEEK}, "invalid_request"),
        ("", {"names": ["A"], "open_opportunities": True, "every_s": WEEK}, "invalid_request"),
        ("", {"names": ["S.A."], "every_s": WEEK}, "ambiguous_company"),
        ("/remove", {}, "invalid_request"),
        ("/pause", {"names": ["Never added"]}, "not_watched"),
    ],
)
async def test_what_cannot_be_watched_is_refused(
    api: Api, path: str, what: dict[str, object], code: str
) -> None:
    """With the reason; nothing changes."""
    answer = await changed(api, path, **what)

    assert (answer.status_code, answer.json()["code"]) == (
        404 if code == "not_watched" else 422,
        code,
    )
    assert await listed(api) == []


async def test_a_key_of_a_tenant_sees_its_own_watches(
    settings: Settings, open_api: OpenApi
) -> None:
    """Another tenant's are not even named."""
    keys = SecretStr(f"read+work@acme={'a' * 16} read+work={'f' * 16}")
    with_keys = settings.model_copy(update={"further_api_keys": keys})
    async with open_api(with_keys) as api:
        headers = {"X-API-Key": "a" * 16}
        free = {"X-API-Key": "f" * 16}
        body = {"names": ["Beta"], "every_s": WEEK}
        await api.client.post(URL, json=body, headers=free)
        mine = await api.client.post(URL, json=body, headers=headers)
        theirs = await api.client.post(URL, json=body | {"tenant": "other"}, headers=headers)
        seen = await api.client.get(URL, headers=headers)

    assert (mine.status_code, theirs.status_code) == (201, 403)
    assert [each["tenant"] for each in seen.json()["watches"]] == ["acme"]
