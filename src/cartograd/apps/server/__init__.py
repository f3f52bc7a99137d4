"""The server: one model behind HTTP and JSON, on this machine unless told otherwise."""

from cartograd.apps.server.run import running, serve

__all__ = ["running", "serve"]
