"""Bodies of requests: how large, in what form and how slow they may be; JSON read piece by piece.

A JSON body is one object, and none keeps the event loop from other requests. The lists in it that
may be long are validated item by item as they are read, and reading stops after the faults that an
answer shows: neither time nor memory grows with what is wrong with a body. Between pieces other
requests have their turn.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any, Final, NoReturn, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.infra.background import Turns
from orchestrator.infra.bounds import MAX_ITEMS, Fault

from .errors import (
    FAULTY_ITEMS,
    LISTED_FAULTS,
    MAX_BODY_BYTES,
    RETRY_AFTER_S,
    TOO_LARGE,
    Refusal,
    Refused,
    refusal_of,
)

#: Of a file, which is kept on disk.
MAX_UPLOAD_BYTES: Final = 1_000_000_000
#: Results of one page.
MAX_RESULTS: Final = 1_000
#: Seconds that a request may wait for its result; proxies often give up then.
MAX_WAIT_S: Final = 60
#: Bytes of all bodies that one process holds at a time; uploads are never in memory whole.
MAX_HELD_BYTES: Final = 5 * MAX_BODY_BYTES
#: How long all waiting for a body may take, or for its turn; how many bytes buy a second more.
PATIENCE_S: Final = 30.0
BYTES_PER_S: Final = 16_000

JOBS_PATH: Final = "/api/v1/jobs"
IMPORT_PATH: Final = "/leads/import"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
#: What a lead file may be declared as. Its content tells what it is.
FILE_TYPES: Final = (
    *(CSV, "text/tab-separated-values", NDJSON, JSON, "application/octet-stream"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    *("application/vnd.oasis.opendocument.spreadsheet", "application/vnd.ms-excel"),
    *("application/gzip", "application/x-gzip"),
    *("application/zip", "application/x-zip-compressed"),
)
#: The media types of uploads, by address.
UPLOADED: Final = {
    JOBS_PATH: tuple(each for each in FILE_TYPES if each != JSON),
    IMPORT_PATH: FILE_TYPES,
}


def media_type_of(scope: Scope) -> str:
    """Return the media type that a request declares for its body, without parameters."""
    declared = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return str(declared.split(b";")[0].strip().lower(), "latin-1")


def is_upload(scope: Scope) -> bool:
    """Say whether a request brings a list or a file, which is never in memory whole."""
    return media_type_of(scope) in UPLOADED.get(scope["path"], ())


class BodyLimit:
    """ASGI middleware that refuses bodies that are too large or too slow.

    It believes a declared length, and counts where none is declared.
    """

    def __init__(self, app: ASGIApp, *, patience_s: float = PATIENCE_S) -> None:
        """Limit bodies to `MAX_BODY_BYTES`, but for uploads, which are never in memory whole.

        *patience_s* is how long all waiting for a body may take that comes at less than
        `BYTES_PER_S`.
        """
        self._app = app
        self._patience_s = patience_s
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 408, 413 or 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = is_upload(scope)
        limit = MAX_UPLOAD_BYTES if upload else MAX_BODY_BYTES
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await TOO_LARGE.response(scope)(scope, receive, send)
            return
        body = _Body(receive, limit, self._patience_s)
        try:
            await self._app(scope, body.receive if upload else self._holding(body), send)
        finally:
            self._held -= body.held

    def _holding(self, body: "_Body") -> Receive:
        async def receive() -> Message:
            before = body.received
            message = await body.receive()
            body.held += body.received - before
            self._held += body.received - before
            if self._held > MAX_HELD_BYTES:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "5"})
            return message

        return receive


class _Body:
    """The body of one request on its way in."""

    def __init__(self, receive: Receive, limit: int, patience_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._patience_s = patience_s
        self._waited_s = 0.0
        self._is_complete = False
        self.received = 0
        self.held = 0

    async def receive(self) -> Message:
        """Return the next part; once the body is complete, wait for the client to go."""
        # HTTPException is the one kind that FastAPI lets out of the reading of a body.
        if self._is_complete:
            return await self._receive()
        began = monotonic()
        left_s = self._patience_s + self.received / BYTES_PER_S - self._waited_s
        try:
            async with asyncio.timeout(left_s):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"}
            ) from None
        self._waited_s += monotonic() - began
        self._is_complete = not message.get("more_body", False)
        self.received += len(message.get("body", b""))
        if self.received > self._limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message


T = TypeVar("T")

#: Bodies from this size on are worked on one at a time: their memory must fit side by side.
LARGE_BYTES: Final = 250_000
#: Characters of a value. Longer ones must be a text, or an object of few texts.
_SMALL: Final = 16_384
#: Characters of the largest lead: its notes, each character escaped.
_BIG: Final = 700_000
#: Fields of the whole body, or of an object in it; entries of a list in an object.
_WIDEST: Final = 100
#: Characters of the longest token that a scanner does not recognize when it is cut off.
_LONGEST_ESCAPE: Final = 12
#: Blanks in a row that are skipped.
_BLANKS: Final = 1_000_000

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_LONG_VALUE: Final = re.compile(
    rf"{_STRING}|\{{(?:\s*+{_STRING}\s*+:\s*+(?:{_STRING}|[^\s\",\[\]{{}}]{{1,64}}+)\s*+,?){{0,32}}+\s*+\}}",
    re.DOTALL,
)


class ReadItems(list[Any]):
    """Items that were validated as they were read."""


class FaultyItems:
    """Stands for a list some of whose items are faulty."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults


def _as_read(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    if isinstance(value, FaultyItems):
        raise PydanticCustomError(FAULTY_ITEMS, "has faulty items", {"faults": value.faults})
    return value if isinstance(value, ReadItems) and value else handler(value)


#: On the type of a list field: what `PieceRoute` has validated is taken as it is.
ITEM_BY_ITEM: Final = WrapValidator(_as_read)


@contextlib.asynccontextmanager
async def one_at_a_time(request: Request, what: str, busy: Refusal) -> AsyncIterator[None]:
    """Let one body of a kind, *what*, be worked on at a time in this process.

    Raises:
        Refused: With *busy*, if those before it have taken `PATIENCE_S`.
    """
    lock: asyncio.Lock = request.app.state.one_at_a_time[what]
    try:
        async with asyncio.timeout(PATIENCE_S):
            await lock.acquire()
    except TimeoutError:
        raise Refused(busy) from None
    try:
        yield
    finally:
        lock.release()


_BUSY: Final = Refusal(
    "busy",
    "Other large requests are being read; repeat the request in 5 seconds.",
    retry_s=RETRY_AFTER_S,
)


class _ReadRequest(Request):
    """A request whose body has been read already."""

    def __init__(self, request: Request, fields: Mapping[str, Any] | object) -> None:
        super().__init__(request.scope, request.receive)
        self._fields = fields

    async def body(self) -> bytes:
        return b"{}"

    async def json(self) -> Any:  # noqa: ANN401 - as Starlette types it
        return self._fields


class PieceRoute(APIRoute):
    """A route whose JSON body is read by pieces; `lists` has the types of the items."""

    lists: Mapping[str, TypeAdapter[Any]] = {}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request, its body read first."""
        answer = super().get_route_handler()

        async def read_and_answer(request: Request) -> Response:
            body = await request.body()
            if not body:
                return await answer(request)
            if len(body) < LARGE_BYTES:
                return await self._answer(request, body, answer)
            async with one_at_a_time(request, "large body", _BUSY):
                return await self._answer(request, body, answer)

        return read_and_answer

    async def _answer(
        self, request: Request, body: bytes, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        reader = BodyReader(body, self.lists, is_hashed="idempotency-key" in request.headers)
        fields = await reader.read()
        request.scope[_DIGEST] = reader.digest
        return await answer(_ReadRequest(request, fields))


_DIGEST: Final = "emasai.body_digest"


def set_digest(request: Request, digest: str) -> None:
    """Say what identifies a body that is no JSON."""
    request.scope[_DIGEST] = digest


def digest_of(request: Request) -> str:
    """Return the identity of the request's body, of JSON however it was spelled; "" without one."""
    digest: str = request.scope.get(_DIGEST, "")
    return digest


class BodyReader:
    """Reads one body. Use once."""

    def __init__(
        self, body: bytes, lists: Mapping[str, TypeAdapter[Any]], *, is_hashed: bool = False
    ) -> None:
        """Read *body*; *lists* has the types of the items of the lists that may be long.

        Raises:
            Refused: It is not text.
        """
        self._text = _decode(body)
        self._lists = lists
        self._scanner = _Scanner(self._text)
        self._turns = Turns()
        self._faults = 0
        self._hashes: dict[str, str] | None = {} if is_hashed else None

    @property
    def digest(self) -> str:
        """Identity of what was read; "" unless the reader was made with *is_hashed*."""
        if self._hashes is None:
            return ""
        return hashlib.sha256(json.dumps(self._hashes, sort_keys=True).encode()).hexdigest()

    async def read(self) -> object:
        """Return the body's fields; whatever else it is where it is no object.

        Raises:
            Refused: It is not JSON, or has more faults than are shown.
        """
        try:
            return await self._read()
        except RecursionError:
            raise _not_json("nested too deeply", self._scanner.at) from None

    async def _read(self) -> object:
        scanner = self._scanner
        if not scanner.skip("{"):
            return scanner.peek()
        fields: dict[str, Any] = {}
        if not scanner.skip("}"):
            while True:
                name = scanner.name()
                if len(fields) >= _WIDEST:
                    raise Refused(refusal_of([_fault((), "too_wide")]))
                if name in fields:
                    raise Refused(refusal_of([_fault((name,), "given_twice")]))
                fields[name] = await self._value(name)
                if not scanner.skip(","):
                    break
            scanner.expect("}")
        scanner.expect_end()
        return fields

    async def _value(self, name: str) -> object:
        adapter = self._lists.get(name)
        if adapter is not None and self._scanner.skip("["):
            return await self._items(name, adapter)
        await self._turns.give()
        value = self._scanned(name)
        if self._hashes is not None:
            self._hashes[name] = _spelled_out(value)
        return value

    async def _items(self, name: str, adapter: TypeAdapter[Any]) -> ReadItems | FaultyItems:
        items = ReadItems()
        faults: list[Fault] = []
        hashed = hashlib.sha256()
        scanner = self._scanner
        if scanner.skip("]"):
            return items
        while True:
            number = len(items)
            if number == MAX_ITEMS:
                raise Refused(TOO_LARGE)
            value = self._scanned(name, number)
            if self._hashes is not None:
                hashed.update(_spelled_out(value).encode())
            items.append(self._valid(adapter, value, faults, number))
            self._check_faults(name, faults)
            await self._turns.give()
            if not scanner.skip(","):
                break
        scanner.expect("]")
        if self._hashes is not None:
            self._hashes[name] = hashed.hexdigest()
        return FaultyItems(faults) if faults else items

    def _scanned(self, *location: str | int) -> object:
        try:
            value = self._scanner.value()
        except _TooLongError:
            raise Refused(refusal_of([_fault(location, "too_long_value")])) from None
        if _is_wide(value):
            raise Refused(refusal_of([_fault(location, "too_wide")]))
        return value

    @staticmethod
    def _valid(
        adapter: TypeAdapter[T], value: object, faults: list[Fault], number: int
    ) -> T | None:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            faults += [
                {**fault, "loc": (number, *fault["loc"])}
                for fault in error.errors(include_url=False, include_input=False)
            ]
            return None

    def _check_faults(self, name: str, faults: list[Fault]) -> None:
        if len(faults) > LISTED_FAULTS:
            located = [{**fault, "loc": ("body", name, *fault["loc"])} for fault in faults]
            raise Refused(refusal_of(located))


class _TooLongError(Exception):
    """A value is longer than any that could be meant."""


class _Scanner:
    """Goes through a JSON text value by value, each scanned in bounded time."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
        self._window, self._from = "", 0
        self.at = 0

    def skip(self, sign: str) -> bool:
        """Go behind *sign* if it comes next."""
        self._skip_blanks()
        if not self._text.startswith(sign, self.at):
            return False
        self.at += 1
        return True

    def peek(self) -> object:
        """Return something of the kind that the text is, which is no object."""
        self._skip_blanks()
        if self._text.startswith("[", self.at):
            return []
        return self.value()

    def expect(self, sign: str) -> None:
        """Go behind *sign*, which has to come next."""
        if not self.skip(sign):
            raise _not_json(f"Expecting ',' or '{sign}'", self.at)

    def expect_end(self) -> None:
        """Refuse what follows."""
        self._skip_blanks()
        if self.at < len(self._text):
            raise _not_json("Extra data", self.at)

    def name(self) -> str:
        """Return the name of a field, and go behind its colon."""
        self._skip_blanks()
        if not self._text.startswith('"', self.at):
            raise _not_json("Expecting property name enclosed in double quotes", self.at)
        name = str(self.value())
        if not self.skip(":"):
            raise _not_json("Expecting ':'", self.at)
        return name

    def value(self) -> object:
        """Return the next value, and go behind it.

        Raises:
            _TooLongError: It is longer than any that could be meant.
        """
        self._skip_blanks()
        found = self._within_window()
        if found is None:
            self._from, self._window = self.at, self._text[self.at : self.at + _SMALL]
            found = self._within_window()
        if found is None:
            return self._long_value()
        value, self.at = found
        return value

    def _within_window(self) -> tuple[object, int] | None:
        """Return the value and where it ends; None if the window may not have it whole."""
        is_last = self._from + len(self._window) >= len(self._text)
        try:
            value, end = self._scan(self._window, self.at - self._from)
        except json.JSONDecodeError as error:
            if is_last:
                raise _from_scanner(error, self._from) from None
            return None
        except ValueError as error:  # of a number that has too many digits
            raise _not_json(str(error).split(";")[0], self.at) from None
        # Of a number that is cut off, the scanner takes what is one: 1 of "1e+".
        is_whole = is_last or len(self._window) - end > len("e+")
        return (value, self._from + end) if is_whole else None

    def _long_value(self) -> object:
        long = _LONG_VALUE.match(self._text, self.at, self.at + _BIG)
        if long is None:
            # What is surely not JSON is refused as such; the rest is too long to look at.
            try:
                self._scan(self._window, 0)
            except json.JSONDecodeError as error:
                is_cut_off = error.pos > len(self._window) - _LONGEST_ESCAPE
                if not is_cut_off and not error.msg.startswith("Unterminated"):
                    raise _from_scanner(error, self._from) from None
            raise _TooLongError
        try:
            value, _ = self._scan(long.group(), 0)
        except json.JSONDecodeError as error:
            raise _from_scanner(error, self.at) from None
        self.at = long.end()
        return value

    def _skip_blanks(self) -> None:
        blanks = _SPACE.match(self._text, self.at, self.at + _BLANKS)
        if blanks is not None:
            if blanks.end() - self.at == _BLANKS:
                raise _not_json(f"{_BLANKS:,} blanks in a row", self.at)
            self.at = blanks.end()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _from_scanner(error: json.JSONDecodeError, offset: int) -> Refused:
    return _not_json(error.msg, offset + error.pos)


def _not_json(reason: str, position: int) -> Refused:
    message = f"The body is not JSON ({reason} at character {position:,}); correct it."
    return Refused(Refusal("invalid_json", message))


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "The body cannot be read as JSON in UTF-8; correct it."
        raise Refused(Refusal("unreadable_body", message)) from None


def _is_wide(value: object) -> bool:
    """Say whether *value* has more entries anywhere than any that could be meant."""
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return len(value) > _WIDEST or any(map(_is_wide, parts))


def _spelled_out(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _fault(location: tuple[str | int, ...], kind: str) -> Fault:
    return {"type": kind, "loc": ("body", *location), "msg": kind}
