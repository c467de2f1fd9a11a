"""The `emasai` command: for people, and for scripts with `--json`."""

from orchestrator.cli.app import main

__all__ = ["main"]
