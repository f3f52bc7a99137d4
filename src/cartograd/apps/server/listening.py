"""A port that is ours, and a server on it until it is told to stop."""

import errno
import logging
import signal
import socket
from typing import TYPE_CHECKING, Any

from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    import uvicorn

_DRAIN = 30
"""Seconds that requests in flight have to finish after the server was told to stop."""


def listen(host: str, port: int, /) -> socket.socket:
    """A bound and listening socket, so that no other program can take the port meanwhile.

    Raises:
        UsageError: the port is in use or not allowed, or the host is no address of this machine.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port {port} is out of range; expected 0 to 65535")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(f"host {host!r} is not known: {error.strerror or error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        # On Windows the usual option lets two programs have one port.
        alone = vars(socket).get("SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listener.setsockopt(socket.SOL_SOCKET, alone, 1)
        listener.bind(place)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reasons = {
            errno.EADDRINUSE: "is in use; choose another with --port, or stop what uses it",
            errno.EACCES: "is not allowed for this user; choose one from 1024 on",
            errno.EADDRNOTAVAIL: "cannot be opened: the host is not an address of this machine",
        }
        reason = reasons.get(error.errno or 0, f"cannot be opened: {error.strerror}")
        raise UsageError(f"port {port} of {host} {reason}") from error
    return listener


def address(listener: socket.socket, /) -> str:
    """The URL of a socket that listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def quiet(app: Any, /) -> "uvicorn.Server":
    """A server for an application, which writes no log of its own."""
    import uvicorn

    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN,
    )
    return uvicorn.Server(config)


def until_stopped(server: "uvicorn.Server", listener: socket.socket, /) -> None:
    """Answer until SIGTERM or Ctrl-C; requests in flight are finished first."""
    # After shutdown uvicorn raises the signal again; here it only means that serving is over.
    handlers = {sig: signal.signal(sig, _ended) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for sig, handler in handlers.items():
            signal.signal(sig, handler)


def _ended(_: int, __: Any) -> None:
    """Ignore a signal that was already handled."""
