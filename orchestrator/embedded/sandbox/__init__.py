"""A stand-in for SurfSense in its own process, which meters what it sells in its own book.

Its evidence is invented, deterministic per company, and says so. `run` serves it;
`python -m orchestrator.embedded.sandbox --help` lists what can be ordered.
"""

from orchestrator.embedded.sandbox.options import Behaviour, SandboxOptions
from orchestrator.embedded.sandbox.server import run

__all__ = ["Behaviour", "SandboxOptions", "run"]
