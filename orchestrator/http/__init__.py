"""The HTTP entry point: parses a request, makes one call into the core, shapes the answer."""

from .app import create_api, serve

__all__ = ["create_api", "serve"]
