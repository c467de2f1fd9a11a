"""A stand-in for SurfSense in its own process, which meters what it sells on its own bill.

Its evidence is invented, deterministic per company, and says so. Of its two worlds, the simple one
is `fake_data.py`; the other is as hard to read as the real one: `companies.py` is its entry,
`company.py` decides what is true of a company, `sources.py` and `pages.py` what the sources say.
`python -m orchestrator.embedded.sandbox --help` lists the options.
"""

from orchestrator.embedded.sandbox.behaviour import Behaviour, SandboxOptions

__all__ = ["Behaviour", "SandboxOptions"]
