"""What SurfSense has answered to the doctor's requests. Pure."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson

from orchestrator.surfsense import Reply

API: Final = "/api/v1"
KEY_FIX: Final = (
    "Set SURFSENSE_API_KEY to a token that is valid: this one is missing, wrong or expired."
)
#: Bytes of an answer that are read; the verbs of a workspace are about 100 kB.
MOST_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a GET; status 0 stands for none, whose `cause` says why.

    `body` is its JSON, None for another format; `is_page` says that it is a web page.
    """

    status: int
    body: Any = None
    is_page: bool = False
    cause: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether it is a success in JSON."""
        return self.status == HTTPStatus.OK and self.body is not None

    @property
    def has_envelope(self) -> bool:
        """Whether it has SurfSense's error envelope, which an unknown path's answer lacks."""
        return isinstance(self.body, dict) and isinstance(self.body.get("error"), dict)

    @property
    def is_there(self) -> bool:
        """Whether the path exists in a service that speaks JSON, whatever its answer."""
        return self.status not in (0, HTTPStatus.NOT_FOUND) and not self.is_page

    @property
    def is_refused(self) -> bool:
        """Whether the key was not accepted."""
        return self.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

    @property
    def is_unavailable(self) -> bool:
        """Whether the service could not answer at the moment."""
        return (
            self.status in (0, HTTPStatus.TOO_MANY_REQUESTS)
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )

    @property
    def how(self) -> str:
        """The answer in a few words."""
        page = ", a web page" if self.is_page else ""
        return f"status {self.status}{page}" if self.status else self.cause or "no answer"

    def field(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a field of an object; None where there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None


_NONE: Final = Answer(0)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the service at `where`, one for each path."""

    where: str
    health: Answer = _NONE
    enrich: Answer = _NONE
    token: Answer = _NONE
    workspaces: Answer = _NONE
    user: Answer = _NONE
    capabilities: Answer = _NONE

    @property
    def is_silent(self) -> bool:
        """Whether no path was answered at all."""
        return not any(
            each.status for each in (self.health, self.enrich, self.token, self.workspaces)
        )

    @property
    def is_surfsense(self) -> bool:
        """Whether it has SurfSense's own API, by the answer about the token."""
        token = self.token
        has_path = token.has_envelope and token.status != HTTPStatus.NOT_FOUND
        return has_path or (token.is_ok and token.field("method") is not None)

    @property
    def is_seller(self) -> bool:
        """Whether either protocol is spoken there, as far as a GET shows.

        A server that answers any path alike, or refuses any, shows nothing of its `/enrich`.
        """
        enrich = self.enrich
        return self.is_surfsense or (enrich.is_there and not enrich.is_ok and not enrich.is_refused)


def read_answer(reply: Reply) -> Answer:
    """Return what a *reply* says; one that is too long says nothing."""
    if len(reply.body) > MOST_BYTES:
        return Answer(reply.status)
    try:
        return Answer(reply.status, orjson.loads(reply.body))
    except orjson.JSONDecodeError:
        is_page = "html" in reply.headers.get("content-type", "").lower() or (
            reply.body.lstrip()[:1] == b"<"
        )
        return Answer(reply.status, is_page=is_page)
