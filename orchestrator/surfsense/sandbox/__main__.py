"""`python -m orchestrator.surfsense.sandbox`: the sandbox on its own."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from orchestrator.surfsense.sandbox.options import SandboxOptions, problems
from orchestrator.surfsense.sandbox.server import run


def main(arguments: list[str] | None = None) -> None:
    """Serve with the options of the command line."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    host, port, ready_file = given.pop("host"), given.pop("port"), given.pop("ready_file")
    try:
        options = SandboxOptions.model_validate(given)
    except ValidationError as error:
        parser.error(problems(error))
    sys.stdout.write(f"SurfSense sandbox on {host}:{port}, all of its data is invented.\n")
    run(host, port, options, ready_file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator.surfsense.sandbox",
        description="A metered stand-in for SurfSense that sells invented evidence.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", default=8090, type=int, help="0 takes a free port")
    parser.add_argument("--ready-file", type=Path, help="file that gets the URL when up")
    for name, field in SandboxOptions.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=field.description
        )
    return parser


if __name__ == "__main__":
    main()
