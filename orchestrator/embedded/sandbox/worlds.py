"""Which world the sandbox is about: the simple one, or the one that is hard to read."""

from functools import cached_property

from orchestrator.embedded.sandbox.auth import Auth
from orchestrator.embedded.sandbox.behaviour import SandboxOptions
from orchestrator.embedded.sandbox.world.companies import World


class Worlds:
    """The real world of the options' seed, made when it is first asked for."""

    def __init__(self, options: SandboxOptions, auth: Auth) -> None:
        self._seed, self._size = options.world_seed, options.catalogue_size
        self._auth = auth

    @cached_property
    def real(self) -> World:
        """The world that is as hard to read as the real one."""
        return World(self._seed, self._size)

    def current(self) -> World | None:
        """Return the world in force; None for the simple one."""
        return self.real if self._auth.behaviour.world == "real" else None
