"""Start and stop the server: bind the port first, shut down gracefully on a signal."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.load.target import Target
from cartograd.apps.server.listening import address, listen, quiet, until_stopped

if TYPE_CHECKING:
    import uvicorn

    from cartograd.apps.server.body import Limits


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
        until_stopped(server, listener)


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


def _server(
    target: Target,
    listener: socket.socket,
    adapters: Mapping[str, str | Path] | None,
    gate: Any,
    limits: "Limits | None",
    started: Callable[[str], None] | None,
) -> "uvicorn.Server":
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
    return quiet(app)
