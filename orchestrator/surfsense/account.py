"""What SurfSense says about a token: workspaces, credit and verbs. Asked for free, by GET.

A workspace is bought from by its number. `SURFSENSE_WORKSPACE_ID` may be its name, or unset where
the token may use only one; then the number is found when it is first needed, once a process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from math import inf
from time import monotonic
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

import structlog
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from orchestrator.evidence.model import Step
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.surfsense.capabilities import (
    LIST_PRICES,
    Capabilities,
    StepPrice,
    read_capabilities,
)
from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    ServiceUnavailable,
    one_line,
    refusal_in,
    renamed,
)
from orchestrator.surfsense.http import Http
from orchestrator.surfsense.seller import failure_on

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Returns the number of the workspace; errors carry the name of the company.
FindWorkspace: TypeAlias = Callable[[str], Awaitable[str]]

API_PREFIX: Final = "/api/v1"
#: How long verbs and prices are believed, and how soon they are asked again where that fails.
KEEP: Final = timedelta(minutes=10)
KEEP_AFTER_FAILURE: Final = timedelta(seconds=30)
#: How long one answer may take.
WITHIN: Final = timedelta(seconds=10)
#: Bytes of an answer that are parsed; the verbs of a workspace are about 100 kB.
MOST_BYTES: Final = 4_000_000
#: Workspaces of one page of the list, and pages that are read.
PAGE: Final = 200
MOST_PAGES: Final = 5
#: Workspaces that a sentence names, and characters of each name.
NAMED: Final = 10
LONGEST_NAME: Final = 60

_WRONG_URL: Final = "there is no SurfSense API at SURFSENSE_URL; is it the origin of the service?"


def _as_line(value: object) -> str:
    return one_line(value, LONGEST_NAME)


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - what the field has
    """Return a field's value, None for one that cannot be read."""
    try:
        return read(value)
    except ValidationError:
        return None


class Workspace(BaseModel):
    """A workspace that the token may use; `is_owner` says that the token's user pays for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    name: Annotated[str, BeforeValidator(_as_line)] = ""
    api_access_enabled: Annotated[bool | None, WrapValidator(_or_none)] = None
    is_owner: Annotated[bool | None, WrapValidator(_or_none)] = None

    def __str__(self) -> str:
        return f"{self.name!r} ({self.id})"


class UnusableWorkspace(Exception):
    """No workspace can be chosen: `what` is wrong, and how to `fix` it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


def read_workspaces(rows: Sequence[object]) -> list[Workspace]:
    """Return the *rows* that are workspaces: an odd one hides no other. Pure."""
    found = []
    for row in rows:
        with contextlib.suppress(ValidationError):
            found.append(Workspace.model_validate(row))
    return found


def is_workspace_id(wanted: str) -> bool:
    """Return whether *wanted* is the number of a workspace, which needs no looking up."""
    return wanted.isascii() and wanted.isdigit()


def choose_workspace(listed: Sequence[Workspace], wanted: str | None) -> Workspace:
    """Return the workspace to buy from. Pure.

    Args:
        listed: Those that the token may use.
        wanted: A number or a name, as it is shown in SurfSense; None for the only one.

    Raises:
        UnusableWorkspace: None or several are meant.
    """
    usable = [each for each in listed if each.api_access_enabled is not False]
    if not usable:
        fix = "switch API access on in the settings of a workspace in SurfSense"
        raise UnusableWorkspace("no workspace lets this token in", fix)
    if wanted is None:
        matching, what = usable, "SURFSENSE_WORKSPACE_ID is not set, and the token may use several"
    elif is_workspace_id(wanted):
        matching = [each for each in usable if each.id == int(wanted)]
        what = f"the token may not use workspace {wanted}"
    else:
        matching, what = _by_name(usable, _as_line(wanted))
    if len(matching) == 1:
        return matching[0]
    raise UnusableWorkspace(what, f"set SURFSENSE_WORKSPACE_ID to one of {_listing(usable)}")


def _by_name(usable: list[Workspace], name: str) -> tuple[list[Workspace], str]:
    exact = [each for each in usable if each.name == name]
    alike = [each for each in usable if each.name.casefold() == name.casefold()]
    matching = exact or alike
    what = "has no workspace" if not matching else "has several workspaces"
    return matching, f"the token {what} named {name!r}"


def _listing(usable: list[Workspace]) -> str:
    more = f" and {len(usable) - NAMED} more" if len(usable) > NAMED else ""
    return ", ".join(map(str, usable[:NAMED])) + more


class SurfSenseAccount:
    """What one token may do. Nothing here starts work or costs money.

    Its methods raise `EnrichmentError` under the name of *company*, and nothing else.
    """

    def __init__(self, http: Http, *, workspace: str | None = None, clock: Clock = utc_now) -> None:
        """Ask through *http*; *workspace* is `SURFSENSE_WORKSPACE_ID`, a number or a name."""
        self._http = http.without_suffix(API_PREFIX)
        self._workspace = workspace
        self._number: str | None = None
        if workspace is not None and is_workspace_id(workspace):
            self._number = str(int(workspace))  # of 007 and 7 there is one
        self._clock = clock
        self._chosen = _CachedRead(self._choose, keep=None)
        self._last_read: Capabilities | None = None
        self._verbs = _CachedRead(self._read_capabilities, keep=KEEP)

    async def workspaces(self, company: str = "") -> tuple[Workspace, ...]:
        """Return the workspaces that the token may use; none if API access is on in none."""
        found: list[Workspace] = []
        for page in range(MOST_PAGES):
            path = f"{API_PREFIX}/workspaces?skip={page * PAGE}&limit={PAGE}"
            rows = await self._get(path, _LISTED, company)
            found += read_workspaces(rows)
            if len(rows) < PAGE:
                break
        return tuple(found)

    async def workspace_id(self, company: str = "") -> str:
        """Return the number of the workspace to buy from, which is looked up once.

        Raises:
            AccessDenied: There is none, or there are several; `reason` names them.
        """
        if self._number is not None:
            return self._number
        return await self._chosen.get(company)

    async def credit(self, company: str = "") -> int | None:
        """Return what the token's user has left, in micro-USD; None where it is not said.

        The workspace's *owner* pays, and SurfSense loses changes of it under concurrency: it
        answers whether there is any credit, never what was spent.
        """
        return (await self._get("/users/me", _USER, company)).credit_micros_balance

    async def has_credit(self, most_micros: int) -> bool:
        """Return whether a call that costs *most_micros* could be paid, as far as is known.

        True, too, where only the owner of the workspace could tell: then a purchase finds out.
        """
        number = await self.workspace_id()
        listed = await self.workspaces()
        if not any(each.is_owner for each in listed if str(each.id) == number):
            return True
        left = await self.credit()
        return left is None or not most_micros or left >= most_micros

    async def capabilities(self, company: str = "") -> Capabilities:
        """Return which steps the workspace serves, and at which prices.

        It is read once for all that wait for it, and again after `KEEP`; the last one counts while
        SurfSense is unavailable.
        """
        return await self._verbs.get(company)

    @property
    def prices(self) -> Mapping[Step, StepPrice]:
        """The prices that were read last; the list prices until then, and of steps that are off."""
        return LIST_PRICES if self._last_read is None else {**LIST_PRICES, **self._last_read.prices}

    async def refresh(self) -> None:
        """Find the workspace and read its verbs, so that the first purchase need not wait.

        For a background loop, which repeats it while SurfSense is unavailable.
        """
        try:
            await self.capabilities()
        except EnrichmentError as error:
            log.warning("surfsense.not_ready", reason=str(error).removeprefix(": "))
            raise

    async def _read_capabilities(self) -> Capabilities:
        path = f"{API_PREFIX}/workspaces/{await self.workspace_id()}/scrapers/capabilities"
        listed: list[object] = await self._get(path, _LISTED, "")
        found = read_capabilities(listed)
        if found != self._last_read:
            for step, why in found.off.items():
                log.warning("surfsense.step_off", step=step.value, why=why)
            for sentence in found.drift:
                log.warning("surfsense.drift", what=sentence)
        self._last_read = found
        return found

    async def _choose(self) -> str:
        try:
            chosen = choose_workspace(await self.workspaces(), self._workspace)
        except UnusableWorkspace as error:
            raise AccessDenied("", HTTPStatus.FORBIDDEN, str(error)) from error
        log.info("surfsense.workspace", workspace_id=chosen.id, name=chosen.name)
        return str(chosen.id)

    async def _get(self, path: str, shape: TypeAdapter[T], company: str) -> T:
        try:
            reply = await self._http.send("GET", path, company=company, within=WITHIN)
        except AnswerLost as error:  # a look is never charged
            raise ServiceUnavailable(company, error.cause) from error
        except MalformedAnswer as error:
            raise ServiceUnavailable(company, f"{error.field} is broken") from error
        if not reply.is_success:
            raise self._failure(reply.status, reply.headers, reply.body, company)
        # No `MalformedAnswer`: that would say that something was bought.
        if len(reply.body) > MOST_BYTES:
            raise ServiceUnavailable(company, f"{len(reply.body)} bytes at {path} are too many")
        try:
            return shape.validate_json(reply.body)
        except ValidationError as error:
            cause = f"its answer at {path} is not JSON as expected; is it SurfSense?"
            raise ServiceUnavailable(company, cause) from error

    def _failure(
        self, status: int, headers: Mapping[str, str], body: bytes, company: str
    ) -> EnrichmentError:
        if status == HTTPStatus.NOT_FOUND and not refusal_in(body).has_envelope:
            return RequestRejected(company, status, _WRONG_URL)
        failure = failure_on(status, headers, body, company=company, now=self._clock())
        if isinstance(failure, AnswerLost):  # a look is never charged
            return ServiceUnavailable(company, failure.cause)
        return failure


class _CachedRead(Generic[T]):
    """A value that is read once for all that wait for it, and so is the failure to read it.

    It is read again when it is older than *keep*; one that cannot be read again is kept.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], *, keep: timedelta | None) -> None:
        self._read = read
        self._keep_s = inf if keep is None else keep.total_seconds()
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._until = -inf
        self._failure: EnrichmentError | None = None
        self._failed_at = -inf

    async def get(self, company: str) -> T:
        """Return the value; an error is raised under the name of *company*."""
        asked_at = monotonic()
        async with self._lock:
            if self._value is not None and monotonic() < self._until:
                return self._value
            if self._failure is None or self._failed_at < asked_at:
                await self._try_to_read()
            if self._value is not None:
                return self._value
            assert self._failure is not None  # noqa: S101 - else there is a value
            raise renamed(self._failure, company)

    async def _try_to_read(self) -> None:
        try:
            self._value = await self._read()
            self._until = monotonic() + self._keep_s
        except EnrichmentError as error:
            self._failure, self._failed_at = error, monotonic()
            self._until = monotonic() + KEEP_AFTER_FAILURE.total_seconds()


class _User(BaseModel):
    credit_micros_balance: Annotated[int | None, WrapValidator(_or_none)] = None


_USER: Final = TypeAdapter(_User)
_LISTED: Final[TypeAdapter[list[object]]] = TypeAdapter(list[object])
