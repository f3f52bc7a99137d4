"""The routes: predict, generate, health, signature and the list of routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cartograd.apps.server import generate
from cartograd.apps.server.body import Limits, received, until_gone
from cartograd.apps.server.chats import Chats
from cartograd.apps.server.decode import accepts
from cartograd.apps.server.plain import Plain
from cartograd.apps.server.refusal import RefusalError, refused
from cartograd.apps.server.served import Served
from cartograd.core.errors import UsageError

COMPLETIONS, MODELS = "/v1/chat/completions", "/v1/models"
"""Where OpenAI's protocol has chats and the list of models."""


class Routes:
    """The handlers for one model.

    The body is read on the event loop; all that takes time (JSON, pictures, the model) happens
    in a thread, one request at a time, so that the loop is free for health checks meanwhile.
    """

    def __init__(self, served: Served, limits: Limits, chats: Chats | None = None):
        self.plain = Plain(served, limits)
        self.served = served
        self.chats = chats
        self.limits = limits
        self.turn = self.plain.turn

    async def index(self, _: Request) -> Response:
        """The list of routes."""
        links = {} if self.gated else {"predict": "/predict"}
        links |= {"signature": "/signature", "health": "/health"}
        links |= {"generate": "/generate"} if self.draws else {}
        links |= {"chat": COMPLETIONS, "models": MODELS} if self.chats else {}
        about = self.plain.about(links, [] if self.gated else accepts(self.served.signature.input))
        return JSONResponse(about | {"generate keys": list(generate.KEYS) if self.draws else []})

    @property
    def draws(self) -> bool:
        """Whether the model is one of examples, which may draw some."""
        return self.served.signature.target == "example"

    @property
    def gated(self) -> bool:
        """Whether a gate stands before the model, which then answers chats alone."""
        return self.chats is not None and self.chats.gate is not None

    async def generate(self, request: Request) -> Response:
        """Examples that the model draws: numbers, or a PNG where the client accepts that."""
        body = await received(request, self.limits)
        shown = "image/png" in request.headers.get("accept", "")
        return await anyio.to_thread.run_sync(self._generate, body, shown, limiter=self.turn)

    def _generate(self, body: bytes, shown: bool) -> Response:
        found = generate.drawn(self.served, generate.asked(body, self.limits))
        if shown:
            return Response(generate.picture(self.served, found), media_type="image/png")
        return JSONResponse({"model": self.served.identity()} | found.to_json())

    async def completion(self, request: Request) -> Response:
        """The answer to a chat, beside others; it ends with the client's patience."""
        assert self.chats is not None
        body = await received(request, self.limits)
        asked = await anyio.to_thread.run_sync(self.chats.read, body, self.limits)
        if asked.chat.streamed:
            return StreamingResponse(
                self.chats.events(asked), media_type="text/event-stream",
                headers={"Cache-Control": "no-cache"},
            )  # fmt: skip
        return JSONResponse(await until_gone(request, self.chats.answered(asked)))

    async def models(self, _: Request) -> Response:
        """The base and its adapters."""
        assert self.chats is not None
        return JSONResponse(self.chats.listed())

    async def model(self, request: Request) -> Response:
        """The base, or one adapter."""
        assert self.chats is not None
        return JSONResponse(self.chats.one(request.path_params["name"]))

    async def predict(self, request: Request) -> Response:
        """An answer for each example of the request, unless a gate stands before the model."""
        if self.gated:
            raise RefusalError(403, f"{self.served.name} is behind a gate; ask POST {COMPLETIONS}")
        return await self.plain.predict(request)


def application(
    served: Served,
    /,
    *,
    chats: Chats | None = None,
    limits: Limits | None = None,
    started: Callable[[], None] | None = None,
) -> Starlette:
    """The ASGI application for a model.

    Args:
        served: the model.
        chats: by which it answers these, if it does.
        limits: what a request may ask for.
        started: called once, when requests are answered.
    """
    routes = Routes(served, limits or Limits(), chats)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        routes.plain.ready = True
        if started is not None:
            started()
        yield
        routes.plain.ready = False

    drawing = [Route("/generate", routes.generate, methods=["POST"])] if routes.draws else []
    chatting = [
        Route(COMPLETIONS, routes.completion, methods=["POST"]), Route(MODELS, routes.models),
        Route(f"{MODELS}/{{name:path}}", routes.model),
    ] if chats is not None else []  # fmt: skip
    return Starlette(
        routes=[
            *drawing,
            *chatting,
            Route("/", routes.index),
            Route("/health", routes.plain.health),
            Route("/signature", routes.plain.signature),
            Route("/predict", routes.predict, methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(
            (RefusalError, UsageError, HTTPException, ClientDisconnect, Exception), refused
        ),
        lifespan=lifespan,
    )
