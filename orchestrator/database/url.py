"""Database URLs: read, and refused where a driver would fail on them later."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from orchestrator.settings import ConfigurationError

#: What a SQLite URL may say. What else the driver knows, this program decides itself.
_SQLITE_OPTIONS: Final = frozenset({"cached_statements", "check_same_thread", "timeout"})
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Options of PostgreSQL's client library whose value is a number.
_NUMBERS: Final = frozenset(
    {
        "cached_statements",
        "connect_timeout",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "port",
        "tcp_user_timeout",
        "timeout",
    }
)
#: Options that name one server of several each time they are given.
_REPEATABLE: Final = frozenset({"host", "port"})


def parse_url(url: str) -> URL:
    """Return *url* once it is certain that its driver understands it.

    Raises:
        ConfigurationError: With a sentence for each fault. The URL is never quoted, since it
            carries a password.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        # From None: the foreign message quotes the URL, and with it the password.
        raise _error("is not a valid URL") from None
    match backend:
        case "sqlite":
            problems = _sqlite_problems(parsed)
        case "postgresql" | "postgres":
            problems = [*_unknown(parsed.query, "PostgreSQL", _postgres_options())]
        case _:
            problems = ["must start with sqlite:// or postgresql:// or postgres://"]
    problems += _value_problems(parsed.query)
    if problems:
        raise _error(*problems)
    return parsed


def _error(*problems: str) -> ConfigurationError:
    return ConfigurationError(tuple(f"DATABASE_URL: {problem}" for problem in problems))


def _sqlite_problems(url: URL) -> list[str]:
    if url.host or url.username or url.password or url.port:
        return ["SQLite takes sqlite:///relative/path or sqlite:////absolute/path, and no host"]
    if url.database in (None, "", ":memory:"):
        return ["SQLite needs a file, because several processes share it"]
    return _unknown(url.query, "SQLite", _SQLITE_OPTIONS)


def _postgres_options() -> frozenset[str]:
    from psycopg.pq import Conninfo  # noqa: PLC0415 - an installation on SQLite never needs it

    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def _unknown(query: Mapping[str, object], product: str, known: Collection[str]) -> list[str]:
    # Names that are no words are not quoted: a password with a "?" in it ends up here.
    return [
        f"{product} has no option {name}"
        if name.isidentifier() and name.isascii()
        else f"has an option that {product} does not have"
        for name in query
        if name not in known
    ]


def _value_problems(query: Mapping[str, str | Sequence[str]]) -> list[str]:
    problems = []
    for name, given in query.items():
        values = [given] if isinstance(given, str) else given
        if len(values) > 1 and name not in _REPEATABLE:
            problems.append(f"has the option {name} more than once")
        elif name in _NUMBERS and not all(_is_number(value) for value in values):
            problems.append(f"the option {name} must be a number")
        elif name == "sslmode" and values[0] not in _SSL_MODES:
            problems.append(f"the option sslmode must be one of {', '.join(_SSL_MODES)}")
    return problems


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()
