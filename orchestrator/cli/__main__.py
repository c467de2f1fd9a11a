"""`python -m orchestrator.cli`: the `emasai` command without its script."""

from orchestrator.cli import main

main()
