# ruff: noqa: ANN401 - values of any type
"""What no schema can say of a request that the API accepts, for Schemathesis.

What is generated as valid gets names that are no placeholders, instants to come, a key that is new
and limits that are said once; three times of four it asks for what exists. What is generated as
invalid, or as anything, stays as it is.
"""

import json
import os
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import schemathesis

SOUND = {
    "company": "Minera Los Andes",
    "contact": "Ana Ruiz",
    "email": "ana.ruiz@minera.example",
    "website": "www.minera.example",
    "country": "CL",
    "phone": "+56 2 2345 6789",
    "city": "Antofagasta",
}
SPANISH = {
    "empresa": "company",
    "contacto": "contact",
    "correo": "email",
    "sitio_web": "website",
    "pais": "country",
    "telefono": "phone",
    "ciudad": "city",
}
COMPANIES = {
    "text/csv": "company\nMinera Los Andes\n",
    "application/x-ndjson": '"Minera Los Andes"\n',
}
LEADS = "company;contact;email;country\nMinera Los Andes;Ana Ruiz;ana.ruiz@minera.example;CL\n"
#: How a file is to be read, which no JSON is.
FILE = {*SPANISH.values(), "source", "notes", "encoding"}
INSTANTS = {"deadline", "since", "desde", "hasta", "imported_since"}
LIMITS = ("tenant", "deadline", "buy_again", "max_cost_micros", "max_cost_usd")
CAPS = {"max_cost_micros", "max_cost_usd"}
#: Of a page by whatever: days are keys, too.
COSTS_CURSOR = "46500-2026-11-30"
#: Ids of what exists, by the names of parameters and fields. Chains delete what they have made.
KNOWN = json.loads(os.environ["CONTRACT_IDS"])
_turn = count()


@schemathesis.serializer("application/x-ndjson", "text/csv")
def upload(_context: Any, value: Any) -> bytes:
    """Send a list of companies as it was generated."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.deserializer("application/x-ndjson")
def lines(_context: Any, response: Any) -> Any:
    """Read a stream of results."""
    return [json.loads(line) for line in response.content.splitlines()]


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Mend a case that is meant to be valid."""
    if not case.meta.generation.mode.is_positive:
        return
    for name in case.headers or {}:
        if name.lower() == "idempotency-key":
            case.headers[name] = str(uuid4())
        elif name.lower() == "if-match":
            case.headers[name] = "*"
    ask_for_what_exists(case)
    if case.path == "/leads/import":
        case.media_type, case.body, case.query = "text/csv", LEADS, {}
        return
    if case.path == "/api/v1/jobs":
        name_no_columns(case)
    if case.body is None or isinstance(case.body, dict) or case.media_type in COMPANIES:
        case.body = sound_body(case)  # one that is not sent stays so
    sound_query(case)


def sound_query(case: Any) -> None:
    """Say each limit once, in the body or in the address, and what can be used."""
    body = case.body if isinstance(case.body, dict) else {}
    said = {name for name in LIMITS if body.get(name) is not None}
    if said & CAPS or set(case.query or {}) >= CAPS:
        said |= CAPS
    query = {name: sound(value, name) for name, value in (case.query or {}).items()}
    case.query = {name: value for name, value in query.items() if name not in said}
    if case.path == "/api/v1/costs" and "cursor" in case.query:
        case.query["cursor"] = COSTS_CURSOR
    if case.path.endswith("/jobs/requeue") and "tenant" not in said:
        case.query["tenant"] = "acme"


def ask_for_what_exists(case: Any) -> None:
    """Put ids that exist, three times of four; in a chain the requests before have chosen them."""
    turn = next(_turn)
    if turn % 4 == 0 or case.method == "DELETE" or case.meta.phase.name == "stateful":
        return
    asked = case.path_parameters or {}
    body = case.body if isinstance(case.body, dict) else {}
    for name, ids in KNOWN.items():
        known = ids[turn % len(ids)]
        if name in asked:
            asked[name] = known
        if isinstance(body.get(name), str):
            body[name] = known


def name_no_columns(case: Any) -> None:
    """Send a list of companies as the columns and the form that it has."""
    case.query = {name: each for name, each in (case.query or {}).items() if name not in FILE}
    if case.media_type not in {None, "application/json", *COMPANIES}:
        case.media_type = "text/csv"


def sound_body(case: Any) -> Any:
    """Return a body that can be used."""
    if case.media_type in COMPANIES:
        return COMPANIES[case.media_type]
    if case.body is None:
        return {}
    return sound(case.body)


def sound(value: Any, name: str = "") -> Any:  # noqa: PLR0911 - a case each
    """Return *value*, of the field *name*, as one that can be used, however deep."""
    field = SPANISH.get(name, name)
    match value:
        case dict():
            return {name: sound(each, name) for name, each in value.items()}
        case list():
            return [
                sound(each, "company" if name in {"companies", "names"} else name) for each in value
            ]
        case str() if field in SOUND and value:
            return SOUND[field]
        case str() if name in INSTANTS and "T" in value:
            return (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        case str() if value and not any(unicodedata.category(c)[0] in "LNPS" for c in value):
            return "-"  # it would be blank
        case str() | int() | float() if name == "max_cost_usd":
            return 2
        case bool() if name == "is_domain":
            return False
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
