"""What SurfSense says about a token: read leniently, asked once, and clear where it fails."""

import asyncio
from time import monotonic
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.model import Step
from orchestrator.surfsense import (
    AccessDenied,
    EnrichmentError,
    Http,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SurfSenseAccount,
    Workspace,
)
from orchestrator.surfsense.account import MOST_BYTES, PAGE, UnusableWorkspace, choose_workspace
from orchestrator.surfsense.capabilities import LIST_PRICES, StepPrice
from tests.support.capabilities import every_verb, verb
from tests.support.over_httpx import OverHttpx

NORTH = Workspace(id=3, name="Ventas Norte", api_access_enabled=True)
SOUTH = Workspace(id=12, name="Ventas Sur", api_access_enabled=True)
SHUT = Workspace(id=40, name="Interna", api_access_enabled=False)
FORBIDDEN = {"error": {"code": "FORBIDDEN", "message": "no"}, "detail": "no"}


class Planted:
    """A SurfSense whose answers are planted by path; `asked` has the paths in their order."""

    def __init__(self, **answers: tuple[int, object]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer what is planted under the last part of the path."""
        self.asked.append(request.url.path)
        await asyncio.sleep(0)
        status, body = self.answers[request.url.path.rpartition("/")[2].replace("-", "_")]
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return httpx.Response(status, content=content)

    def account(self, wanted: str | None = None) -> SurfSenseAccount:
        """Return what asks it."""
        http = Http("https://s.example/api/v1", OverHttpx(httpx.MockTransport(self)))
        return SurfSenseAccount(http, workspace=wanted)


@pytest.mark.parametrize(
    ("listed", "wanted", "number"),
    [
        ([NORTH], None, 3),
        ([NORTH, SHUT], None, 3),
        ([NORTH, SOUTH], "Ventas Sur", 12),
        ([NORTH, SOUTH], "ventas sur", 12),
        ([NORTH, Workspace(id=4, name="ventas norte")], "Ventas Norte", 3),
        ([NORTH, SOUTH], "12", 12),
        ([Workspace(id=9, name="12"), SOUTH], "12", 12),
    ],
)
def test_a_workspace_is_chosen_by_number_or_name(
    listed: list[Workspace], wanted: str | None, number: int
) -> None:
    """A number is an id; the name in its own case wins; the only one needs neither."""
    assert choose_workspace(listed, wanted).id == number


@pytest.mark.parametrize(
    ("listed", "wanted", "words"),
    [
        ([], None, "switch API access on"),
        ([SHUT], "Interna", "switch API access on"),
        ([NORTH, SOUTH], None, "one of 'Ventas Norte' (3), 'Ventas Sur' (12)"),
        ([NORTH], "Ventas", "no workspace named 'Ventas'; set SURFSENSE_WORKSPACE_ID to one of"),
        ([NORTH], "4", "may not use workspace 4"),
        ([NORTH, Workspace(id=5, name="Ventas Norte")], "Ventas Norte", "several workspaces named"),
    ],
)
def test_what_is_unclear_is_refused_with_the_choice(
    listed: list[Workspace], wanted: str | None, words: str
) -> None:
    """The sentence says what to set; nothing is guessed, since it would be paid for."""
    with pytest.raises(UnusableWorkspace) as refused:
        choose_workspace(listed, wanted)

    assert words in str(refused.value)


def test_a_sentence_names_a_handful_of_workspaces() -> None:
    """And how many there are besides."""
    many = [Workspace(id=number, name="x" * 500) for number in range(100)]

    with pytest.raises(UnusableWorkspace, match="and 90 more") as refused:
        choose_workspace(many, None)

    assert len(str(refused.value)) < 1_000


async def test_a_name_is_looked_up_once_for_all_that_wait() -> None:
    """Two hundred purchases that begin together send one request."""
    surfsense = Planted(workspaces=(200, [NORTH.model_dump(), "odd", {"id": "x"}]))
    account = surfsense.account("Ventas Norte")

    found = await asyncio.gather(*(account.workspace_id("Acme") for _ in range(200)))

    assert set(found) == {"3"}
    assert surfsense.asked == ["/api/v1/workspaces"]


async def test_a_failure_is_shared_too_and_later_tried_again() -> None:
    """No caller waits for the patience of another, and a service that is back is used."""
    surfsense = Planted(workspaces=(503, b"<html>"))
    account = surfsense.account()

    failed = await asyncio.gather(
        *(account.workspace_id(f"Acme {number}") for number in range(50)), return_exceptions=True
    )
    surfsense.answers["workspaces"] = (200, [NORTH.model_dump()])
    found = await account.workspace_id("Acme")

    assert [str(error).partition(":")[0] for error in failed if isinstance(error, Exception)] == [
        f"Acme {number}" for number in range(50)
    ]
    assert {type(error) for error in failed} == {ServiceUnavailable}
    assert (found, len(surfsense.asked)) == ("3", 2)


async def test_a_wrong_name_stops_purchases_with_a_sentence() -> None:
    """It is configuration: the same class as SurfSense's own refusal of a wrong number."""
    account = Planted(workspaces=(200, [NORTH.model_dump()])).account("Marketing")

    with pytest.raises(AccessDenied, match=r"^Acme: .*no workspace named 'Marketing'") as denied:
        await account.workspace_id("Acme")

    assert denied.value.status == 403


async def test_a_number_needs_no_look_up() -> None:
    """It works as long as the list of workspaces does not."""
    surfsense = Planted()

    assert await surfsense.account("7").workspace_id() == "7"
    assert surfsense.asked == []


async def test_long_lists_are_read_page_by_page() -> None:
    """Up to a bound, also where a server ignores the page."""
    surfsense = Planted(workspaces=(200, [NORTH.model_dump()] * PAGE))

    listed = await surfsense.account().workspaces()

    assert len(listed) == 5 * PAGE == len(surfsense.asked) * PAGE


async def test_credit_is_asked_outside_the_prefix() -> None:
    """SurfSense has it at its origin, whatever the address ends with."""
    surfsense = Planted(me=(200, {"email": "x@y.example", "credit_micros_balance": 21_000}))

    assert await surfsense.account().credit() == 21_000
    assert surfsense.asked == ["/users/me"]


@pytest.mark.parametrize(
    "balance", [{}, {"credit_micros_balance": None}, {"credit_micros_balance": "x"}]
)
async def test_a_credit_that_is_not_said_is_unknown(balance: dict[str, Any]) -> None:
    """It is not zero: nothing stops for it."""
    assert await Planted(me=(200, balance)).account().credit() is None


@pytest.mark.parametrize(
    ("owner", "balance", "has_credit"),
    [
        (True, 1_000_000, True),
        (True, 17_500, True),
        (True, 17_499, False),
        (True, 0, False),
        (True, None, True),
        (False, 0, True),
        (None, 0, True),
    ],
)
async def test_credit_is_missing_only_where_that_is_known(
    owner: bool | None,  # noqa: FBT001 - a parameter of the test
    balance: int | None,
    has_credit: bool,  # noqa: FBT001 - (as above)
) -> None:
    """The call that comes next must be covered; the owner alone can read the credit."""
    row = NORTH.model_dump() | {"is_owner": owner}
    surfsense = Planted(workspaces=(200, [row]), me=(200, {"credit_micros_balance": balance}))

    assert await surfsense.account("3").has_credit(17_500) is has_credit


async def test_without_billing_no_credit_is_missing() -> None:
    """An installation of one's own charges nothing: its steps cost 0."""
    surfsense = Planted(
        workspaces=(200, [NORTH.model_dump() | {"is_owner": True}]),
        me=(200, {"credit_micros_balance": 0}),
    )

    assert await surfsense.account("3").has_credit(0)


async def test_a_workspace_has_one_number_however_it_is_written() -> None:
    """Its gate is found by it."""
    assert await Planted().account("007").workspace_id() == "7"


async def test_verbs_are_read_once_and_kept_while_surfsense_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred kilobytes are fetched once for all purchases, and an old price beats none."""
    surfsense = Planted(workspaces=(200, [NORTH.model_dump()]), capabilities=(200, every_verb()))
    account = surfsense.account()

    read = await asyncio.gather(*(account.capabilities("Acme") for _ in range(50)))
    surfsense.answers["capabilities"] = (503, b"<html>")
    monkeypatch.setattr("orchestrator.surfsense.account.monotonic", lambda: monotonic() + 3_600)
    later = await account.capabilities("Acme")

    assert all(each is read[0] for each in [*read, later])
    assert surfsense.asked[1:] == ["/api/v1/workspaces/3/scrapers/capabilities"] * 2


async def test_verbs_are_read_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price that has changed is known some minutes later."""
    surfsense = Planted(capabilities=(200, every_verb()))
    account = surfsense.account("7")

    listed = account.prices
    before = await account.capabilities()
    surfsense.answers["capabilities"] = (200, [])
    monkeypatch.setattr("orchestrator.surfsense.account.monotonic", lambda: monotonic() + 3_600)
    after = await account.capabilities()

    assert before.offers
    assert not after.offers
    assert listed == account.prices == LIST_PRICES


async def test_live_prices_are_known_once_they_were_read() -> None:
    """Until then those of the list count."""
    free = [verb(step, pricing=[]) for step in Step]
    account = Planted(capabilities=(200, free)).account("7")

    assert account.prices == LIST_PRICES
    await account.refresh()
    assert set(account.prices.values()) == {StepPrice(0)}


async def test_a_start_reads_workspace_and_verbs() -> None:
    """So that the first purchase need not wait; a loop repeats it until SurfSense answers."""
    surfsense = Planted(workspaces=(503, b""), capabilities=(200, every_verb()))
    account = surfsense.account()

    with pytest.raises(ServiceUnavailable):
        await account.refresh()
    surfsense.answers["workspaces"] = (200, [NORTH.model_dump()])
    await account.refresh()

    assert (await account.workspace_id(), len(surfsense.asked)) == ("3", 3)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, FORBIDDEN, AccessDenied),
        (404, {"detail": "Not Found"}, RequestRejected),
        (404, b"<html>nginx</html>", RequestRejected),
        (307, b"", RequestRejected),
        (429, FORBIDDEN, RateLimited),
        (500, FORBIDDEN, ServiceUnavailable),
        (524, b"<html>", ServiceUnavailable),
        (200, b"<html>Welcome</html>", ServiceUnavailable),
        (200, b"[]", ServiceUnavailable),
        (200, b" " * (MOST_BYTES + 1), ServiceUnavailable),
    ],
)
async def test_a_look_that_fails_is_typed(
    status: int, body: object, error: type[EnrichmentError]
) -> None:
    """Nothing that only looks may have been charged: a 5xx is no lost answer."""
    with pytest.raises(error) as failed:
        await Planted(me=(status, body)).account().credit("Acme")

    assert failed.value.company == "Acme"


@given(st.binary(max_size=200) | st.from_regex(rb'\[\{"id": .{0,40}\}\]', fullmatch=True))
def test_any_answer_is_read_or_typed(body: bytes) -> None:
    """No answer of any server raises anything but an error of the family."""

    async def look() -> None:
        try:
            await Planted(workspaces=(200, body)).account().workspace_id("Acme")
        except EnrichmentError as error:
            assert error.company == "Acme"  # noqa: PT017 - either outcome is right

    asyncio.run(look())
