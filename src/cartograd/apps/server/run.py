"""Start and stop the server: bind the port first, shut down gracefully on a signal."""

import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.load.target import Target
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    import uvicorn

    from cartograd.apps.server.body import Limits

_DRAIN = 30
"""Seconds that requests in flight have to finish after the server was told to stop."""


def serve(
    target: Target,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    adapters: Mapping[str, str | Path] | None = None,
    gate: Any = None,
    limits: "Limits | None" = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Answer requests for a model until SIGTERM or Ctrl-C; requests in flight are finished first.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        host: the address to listen on; the default is reached from this machine alone.
        port: 0 takes any that is free.
        adapters: folders of adapters, or of their runs, by name: the target is their base, whose
            weights are in memory once, and each answers chats as a model of its name.
        gate: what chats and their answers have to pass: `rules`, a run that classifies texts, a
            file of rules, several of these, or a `Gate`.
        limits: what a request may ask for.
        started: called with the address, once requests are answered.

    Raises:
        UsageError: the port is in use or not allowed, or the target is no model; a port in use
            is found before anything is loaded.
    """
    listener = listen(host, port)
    with listener:
        server = _server(target, listener, adapters, gate, limits, started)
        # After shutdown uvicorn raises the signal again; here it only means that serving is over.
        handlers = {sig: signal.signal(sig, _ended) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            server.run(sockets=[listener])
        finally:
            for sig, handler in handlers.items():
                signal.signal(sig, handler)


@contextmanager
def running(
    target: Target, /, *, host: str = "127.0.0.1", port: int = 0,
    adapters: Mapping[str, str | Path] | None = None, gate: Any = None,
    limits: "Limits | None" = None,
) -> Iterator[str]:  # fmt: skip
    """A context manager: a server in a thread of this process; gives its address.

    Args:
        target: as for `serve`.
        host: the address to listen on.
        port: 0 takes any that is free.
        adapters: as for `serve`.
        gate: as for `serve`.
        limits: what a request may ask for.

    Raises:
        UsageError: as `serve`.
    """
    ready = threading.Event()
    listener = listen(host, port)
    with listener:
        server = _server(target, listener, adapters, gate, limits, lambda _: ready.set())
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="cartograd-serve"
        )
        thread.start()
        try:
            while not ready.wait(0.05):
                assert thread.is_alive(), "the server did not start"
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join()


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


def _server(
    target: Target,
    listener: socket.socket,
    adapters: Mapping[str, str | Path] | None,
    gate: Any,
    limits: "Limits | None",
    started: Callable[[str], None] | None,
) -> "uvicorn.Server":
    import uvicorn

    from cartograd.apps.gate.gate import gate_of
    from cartograd.apps.server.app import application
    from cartograd.apps.server.load import chatting, load

    url, guard = address(listener), None if gate is None else gate_of(gate)
    served = load(target)  # after the gate, of which less is read
    app = application(
        served,
        chats=chatting(served, adapters or {}, gate=guard),
        limits=limits,
        started=lambda: started(url) if started else None,
    )
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN,
    )
    return uvicorn.Server(config)


def _ended(_: int, __: Any) -> None:
    """Ignore a signal that was already handled."""
