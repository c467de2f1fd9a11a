"""A stand-in for SurfSense in its own process, which meters what it sells on its own bill.

Its evidence is invented, deterministic per company, and says so.
`python -m orchestrator.embedded.sandbox --help` lists its options.
"""

from orchestrator.embedded.sandbox.behaviour import Behaviour, SandboxOptions

__all__ = ["Behaviour", "SandboxOptions"]
