"""Arguments and options that several commands have, and the bounds of what is typed."""

from typing import Annotated, Final, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from orchestrator.infra import bounds

T = TypeVar("T")
_NAME: Final = TypeAdapter(bounds.Text)


def bounded(bound: TypeAdapter[T], value: object, *, of: str = "") -> T:
    """Return *value* as every entry point accepts it; *of* says whose it is.

    Raises:
        typer.BadParameter: It is out of bounds.
    """
    try:
        return bound.validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"{of or repr(value)}: {message}") from None


def check_name(text: str) -> str:
    """Return *text*, which may be a company's name.

    Raises:
        typer.BadParameter: No entry point accepts it.
    """
    return bounded(_NAME, text, of=f"{text[:20]!r}")


def _names(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else [check_name(text) for text in texts]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

#: A company that a command tells of, and what may be said beside its name.
CompanyName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", callback=check_name, help="A company, as anybody types it, or its key."
    ),
]
CompanyNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME...]", callback=_names, help="Companies, by name or key."),
]
Website = Annotated[
    str | None, typer.Option(metavar="WEBSITE", help="Its website, as a lead has it.")
]
Country = Annotated[str | None, typer.Option(metavar="CODE", help="Its country, like MX.")]
