"""The runtime's routes: those of the whole server that need no more than answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cartograd.apps.runtime.model import Model
from cartograd.apps.server.body import Limits
from cartograd.apps.server.decode import accepts
from cartograd.apps.server.plain import Plain
from cartograd.apps.server.refusal import RefusalError, refused
from cartograd.core.errors import UsageError

LINKS = {"predict": "/predict", "signature": "/signature", "health": "/health"}
"""Where what is."""


def application(model: Model, /, *, started: Callable[[], None]) -> Starlette:
    """The ASGI application for a model.

    Args:
        model: that answers.
        started: called once, when requests are answered.
    """
    plain = Plain(model, Limits())

    async def index(_: Request) -> Response:
        return JSONResponse(plain.about(LINKS, accepts(model.signature.input)))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        plain.ready = True
        started()
        yield
        plain.ready = False

    return Starlette(
        routes=[
            Route("/", index),
            Route("/health", plain.health),
            Route("/signature", plain.signature),
            Route("/predict", plain.predict, methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(
            (RefusalError, UsageError, HTTPException, ClientDisconnect, Exception), refused
        ),
        lifespan=lifespan,
    )
