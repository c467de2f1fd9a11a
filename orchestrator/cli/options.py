"""Arguments and options that several commands share, and the bounds of what is typed."""

import contextlib
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar

import durationpy
import typer
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from orchestrator.dispatch import Terms
from orchestrator.infra import bounds
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Lane
from orchestrator.leadfile import LeadField
from orchestrator.leads import OnConflict

T = TypeVar("T")
_TEXT: Final = TypeAdapter(bounds.Notes)
_NAME: Final = TypeAdapter(bounds.Text)
_TENANT: Final = TypeAdapter(bounds.Tenant)
_UNTIL: Final = TypeAdapter(bounds.Until)
_COST: Final = TypeAdapter(bounds.CostUsd)


def check_bound(bound: TypeAdapter[T], value: object, *, of: str = "") -> T:
    """Return *value* as every entry point accepts it; *of* names it in the error.

    Raises:
        typer.BadParameter: It is out of bounds.
    """
    try:
        return bound.validate_python(value)
    except ValidationError as error:
        raise typer.BadParameter(
            f"{of or repr(value)} {bounds.complaint_of(error.errors()[0])}"
        ) from None


def check_text(text: str) -> str:
    """Return *text* if it is short enough and has no control characters.

    Raises:
        typer.BadParameter: No entry point accepts it.
    """
    return check_bound(_TEXT, text)


def check_name(text: str) -> str:
    """Return *text* if it is short enough for the name of a company.

    Raises:
        typer.BadParameter: No entry point accepts it.
    """
    return check_bound(_NAME, text, of=f"{text[:20]!r}")


def _names(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else [check_name(text) for text in texts]


def _tenant(text: str | None) -> str | None:
    return None if text is None else check_bound(_TENANT, text)


def parse_duration(text: str) -> timedelta:
    """Return a length of time such as `500ms`, `5s`, `1h30m`, `7d` or `2w`; a number is seconds.

    Raises:
        typer.BadParameter: Not a length of time, or below zero.
    """
    unit = "s" if text.replace(".", "", 1).isdecimal() else ""
    try:
        length: timedelta = durationpy.from_str(f"{text}{unit}")
    except ValueError:
        length = timedelta(-1)
    if length < timedelta(0):
        raise typer.BadParameter(f"{text!r} is not a length of time, such as 5s, 1h30m or 7d")
    return length


def parse_instant(text: str, now: datetime, *, ago: bool) -> datetime:
    """Return the instant of a text such as `2026-11-30`, `2026-11-30T18:00`, `2h` or `7d`.

    Without a zone it is UTC. A length of time counts from *now*, into the past if *ago*.

    Raises:
        typer.BadParameter: It is none of these.
    """
    length: timedelta | None = None
    with contextlib.suppress(ValueError):
        length = durationpy.from_str(text)
    try:
        if length is not None:
            return now - length if ago else now + length
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is out of range") from None
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither an instant, such as 2026-11-30T18:00, nor a length of time, "
            "such as 2h"
        ) from None


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen; buy and store nothing.")
]

CompanyName = Annotated[
    str,
    typer.Argument(metavar="NAME", callback=check_name, help="A company, by any name or its key."),
]
CompanyNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", callback=_names, help="Companies, by name or key."),
]
Website = Annotated[
    str | None, typer.Option(metavar="WEBSITE", help="Its website, as a lead has it.")
]
Country = Annotated[str | None, typer.Option(metavar="CODE", help="Its country, like MX.")]
City = Annotated[str | None, typer.Option(metavar="TOWN", help="Its town, like Bilbao.")]

MaxCost = Annotated[str | None, typer.Option(metavar="USD", help="Buy for this much at most.")]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Work that has not begun by then fails: 2026-11-30T18:00 (UTC), or 2h from now. To "
        "continue after Ctrl-C, give the same instant again.",
    ),
]
Tenant = Annotated[
    str | None,
    typer.Option(
        metavar="TENANT", callback=_tenant, help="On whose behalf; EMASAI_TENANT by default."
    ),
]
BuyAgain = Annotated[
    bool,
    typer.Option(
        "--buy-again",
        help="Buy companies once more whose earlier purchase may have been charged, but whose "
        "answer was lost.",
    ),
]

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="For a file: where its results go, as text or, by the name .xlsx, as a workbook. By "
        "default beside it, in its own format: leads.csv leads to leads.out.csv. For several "
        "files: a folder.",
    ),
]

ErrorsFile = Annotated[
    Path | None,
    typer.Option(
        "--errors",
        metavar="FILE",
        help="For a file: where the rows go that could not be used, as they stand, each with its "
        "reason: correct them there and run that file.",
    ),
]

ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=NAME",
        help="For a file: the column that holds a field, such as company='Associated Company'; "
        "may be given repeatedly, also for one field.",
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="For a file: a TOML file that says the same, such as company = 'Associated Company', "
        "or a list of columns for a field; --column goes before it.",
    ),
]
OnConflictRule = Annotated[
    OnConflict,
    typer.Option(
        "--on-conflict",
        metavar="|".join(OnConflict),
        help="For leads of a file that are stored already: the file's cells replace what is "
        "stored, or only fill in what is blank there, or change nothing. A blank cell never "
        "erases anything.",
    ),
]
Required = Annotated[
    list[LeadField] | None,
    typer.Option(
        "--require",
        metavar="FIELD",
        help="For a file: a field without which a row makes no lead, such as email, beside company "
        "and contact; may be given repeatedly.",
    ),
]
EncodingName = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="For a file: its encoding, such as cp1250 or mac_roman; found out by default.",
    ),
]

#: Filters of jobs and of their failed items.
OfLane = Annotated[
    Lane | None, typer.Option("--lane", metavar="|".join(Lane), help="Only of this lane.")
]
OfTenant = Annotated[
    str | None, typer.Option("--tenant", metavar="TENANT", help="Only of this tenant.")
]


def _in_list(given: object) -> object:
    return [given] if isinstance(given, str) else given


_MAPPING: Final = TypeAdapter(
    dict[
        LeadField,
        Annotated[list[bounds.FilledText], Field(min_length=1), BeforeValidator(_in_list)],
    ]
)


def parse_columns(
    texts: Sequence[str] | None, mapping: Path | None = None
) -> dict[LeadField, list[str]]:
    """Return what `--column` and `--mapping` say: the names of each field's columns, in order.

    Raises:
        typer.BadParameter: No field is called so, no name follows, or the file is no mapping.
    """
    columns: dict[LeadField, list[str]] = {}
    for text in texts or ():
        field, _, name = text.partition("=")
        if field.strip() not in set(LeadField) or not name.strip():
            raise typer.BadParameter(
                f"{text!r} is no FIELD=NAME; the fields are {', '.join(LeadField)}"
            )
        columns.setdefault(LeadField(field.strip()), []).append(name)
    return columns if mapping is None else {**_read_mapping(mapping), **columns}


def _read_mapping(path: Path) -> dict[LeadField, list[str]]:
    try:
        text = path.read_text("utf-8")
        return _MAPPING.validate_python(tomllib.loads(text))
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise typer.BadParameter(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:1])
        raise typer.BadParameter(
            f"{path}: {where!r} is no field with the name of a column, or a list of names; "
            f"the fields are {', '.join(LeadField)}"
        ) from None


def parse_terms(
    max_cost: str | None,
    deadline: str | None,
    tenant: str | None = None,
    *,
    buy_again: bool = False,
) -> Terms:
    """Return what `--max-cost`, `--deadline`, `--tenant` and `--buy-again` mean.

    Raises:
        typer.BadParameter: One of them is not what every entry point accepts.
    """
    micros = until = None
    if max_cost is not None:
        micros = bounds.micros_of(check_bound(_COST, max_cost.removeprefix("$")))
    if deadline is not None:
        # By one instant: a short length of time must not have passed by the time it is checked.
        now = utc_now()
        instant = parse_instant(deadline, now, ago=False)
        until = check_bound(_UNTIL, instant, of=f"the deadline {deadline}")
        if until <= now:
            raise typer.BadParameter(f"the deadline {deadline} has passed; give a later one")
    return Terms(micros, until, tenant, buy_again)
