"""Serve: answer predictions over HTTP."""

from cartograd.apps import server
from cartograd.apps.load.target import Target


def serve(target: Target, /, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Answer requests for a model until Ctrl-C or SIGTERM.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        host: the address to listen on; the default is reached from this machine only.
        port: 0 takes any that is free.

    Raises:
        UsageError: the port is in use, or the target is no model.
    """
    server.serve(target, host=host, port=port)
