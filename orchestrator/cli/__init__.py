"""The `emasai` command: for people, and for scripts with `--json`."""

import sys


def main() -> None:
    """Run the command line; a Ctrl-C while its libraries are imported ends it, too."""
    try:
        from orchestrator.cli import app  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        sys.exit(1)
    app.main()
