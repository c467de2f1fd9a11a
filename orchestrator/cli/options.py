"""Arguments and options that several commands have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

#: A company that a command tells of, and what may be said beside its name.
CompanyName = Annotated[
    str, typer.Argument(metavar="NAME", help="A company, as anybody types it, or its key.")
]
Website = Annotated[
    str | None, typer.Option(metavar="WEBSITE", help="Its website, as a lead has it.")
]
Country = Annotated[str | None, typer.Option(metavar="CODE", help="Its country, like MX.")]
