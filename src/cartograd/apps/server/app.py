"""The routes: predict, generate, health, signature and the list of routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cartograd import __version__
from cartograd.apps.server import generate
from cartograd.apps.server.body import Limits, received, until_gone
from cartograd.apps.server.chats import Chats
from cartograd.apps.server.decode import KEYS, accepts, decode
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
        self.served = served
        self.chats = chats
        self.limits = limits
        self.turn = anyio.CapacityLimiter(1)
        self.ready = False

    async def index(self, _: Request) -> Response:
        """The list of routes."""
        links = {} if self.gated else {"predict": "/predict"}
        links |= {"signature": "/signature", "health": "/health"}
        links |= {"generate": "/generate"} if self.draws else {}
        links |= {"chat": COMPLETIONS, "models": MODELS} if self.chats else {}
        signature = self.served.signature
        inputs = {port.name: {"kind": port.kind, "dims": port.dims} for port in signature.inputs}
        outputs = {port.name: {"kind": port.kind, "dims": port.dims} for port in signature.outputs}
        return JSONResponse(
            {
                "model": self.served.identity(),
                "inputs": inputs,
                "outputs": outputs,
                "accepts": [] if self.gated else accepts(signature.input),
                "keys": list(KEYS),
                "generate keys": list(generate.KEYS) if self.draws else [],
                "links": links,
                "cartograd": __version__,
            }
        )

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

    async def signature(self, _: Request) -> Response:
        """The model's full signature."""
        return JSONResponse(self.served.signature.to_json())

    async def health(self, _: Request) -> Response:
        """Live: the event loop answers. Ready: the model does."""
        state = {"live": True, "ready": self.ready, "model": self.served.identity()}
        return JSONResponse(state, 200 if self.ready else 503)

    async def predict(self, request: Request) -> Response:
        """An answer for each example of the request."""
        if self.gated:
            raise RefusalError(403, f"{self.served.name} is behind a gate; ask POST {COMPLETIONS}")
        kind = self._kind(request)
        body = await received(request, self.limits)
        answers = await anyio.to_thread.run_sync(self._predict, kind, body, limiter=self.turn)
        return JSONResponse({"model": self.served.identity()} | answers)

    def _predict(self, kind: str, body: bytes) -> dict[str, Any]:
        asked = decode(
            self.served.signature.input,
            kind,
            body,
            most=self.limits.examples,
            draws=self.limits.draws,
            tokenizer=self.served.tokenizer,
            asks=self.served.signature.task.asks,
        )
        answers = iter(self.served.predict(asked.inputs, **asked.options))
        count = len(asked.inputs) + len(asked.refused)
        predictions = [
            {"error": asked.refused[number]} if number in asked.refused else next(answers)
            for number in range(count)
        ]
        return {"predictions": predictions} | ({"notes": asked.notes} if asked.notes else {})

    def _kind(self, request: Request) -> str:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        allowed = accepts(self.served.signature.input)
        if kind not in allowed:
            raise RefusalError(
                415,
                f"a body of type {kind or 'unknown'} is not understood; "
                f"expected the header Content-Type: {' or '.join(allowed)}",
            )
        coding = request.headers.get("content-encoding", "identity")
        if coding != "identity":
            raise RefusalError(415, f"a body in {coding} coding is not understood; send it plain")
        return kind


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
        routes.ready = True
        if started is not None:
            started()
        yield
        routes.ready = False

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
            Route("/health", routes.health),
            Route("/signature", routes.signature),
            Route("/predict", routes.predict, methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(
            (RefusalError, UsageError, HTTPException, ClientDisconnect, Exception), refused
        ),
        lifespan=lifespan,
    )
