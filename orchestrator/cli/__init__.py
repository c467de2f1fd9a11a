"""The `emasai` command: what a person types, and what a script reads with `--json`."""

from orchestrator.cli.app import main

__all__ = ["main"]
