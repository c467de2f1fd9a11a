"""`python -m orchestrator.embedded.sandbox`: the sandbox on its own."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import orjson
from pydantic import ValidationError

from orchestrator.embedded.sandbox.options import SandboxOptions, problems
from orchestrator.embedded.sandbox.server import run


def main(arguments: list[str] | None = None) -> None:
    """Serve with the options of the command line; *arguments* stand for `sys.argv[1:]`."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    host, port, ready_file = given.pop("host"), given.pop("port"), given.pop("ready_file")
    try:
        options = SandboxOptions.model_validate(given)
    except ValidationError as error:
        parser.error(problems(error))
    try:
        run(host, port, options, partial(_announce, ready_file=ready_file))
    except OSError as error:
        parser.exit(1, f"{parser.prog}: {host}:{port}: {error.strerror}\n")


def _announce(url: str, *, ready_file: Path | None) -> None:
    sys.stdout.write(f"SurfSense sandbox on {url}: all of its data is invented.\n")
    sys.stdout.flush()
    if ready_file is not None:
        # In one step, so that whoever waits for the file never reads half of it.
        complete = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        complete.write_bytes(orjson.dumps({"url": url, "pid": os.getpid()}))
        complete.replace(ready_file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator.embedded.sandbox",
        description="A metered stand-in for SurfSense that sells invented evidence.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", default=8090, type=int, help="0 takes a free port")
    parser.add_argument("--ready-file", type=Path, help="file that gets {url, pid} as JSON when up")
    for name, field in SandboxOptions.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=field.description
        )
    return parser


if __name__ == "__main__":
    main()
