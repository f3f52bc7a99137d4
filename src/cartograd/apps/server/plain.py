"""What each server of a model has: its answers, its health and its signature."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cartograd import __version__
from cartograd.apps.server.body import Limits, received
from cartograd.apps.server.decode import KEYS, accepts, decode
from cartograd.apps.server.refusal import RefusalError
from cartograd.core.ports import Signature


@runtime_checkable
class Answering(Protocol):
    """A model that answers requests, by torch or by a runtime."""

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        ...

    @property
    def tokenizer(self) -> Any:
        """What turns text into its numbers, for models of text."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Name and digest, for responses."""
        ...

    def predict(self, x: Any, /, **chosen: Any) -> Sequence[Any]:
        """An answer for each example, as JSON types."""
        ...


class Plain:
    """The handlers that need no more of a model than its answers.

    Args:
        served: the model.
        limits: what a request may ask for.

    Attributes:
        turn: one request at a time.
        ready: whether requests are answered.
    """

    def __init__(self, served: Answering, limits: Limits, /):
        self.served, self.limits = served, limits
        self.turn = anyio.CapacityLimiter(1)
        self.ready = False

    def about(self, links: Mapping[str, str], takes: Sequence[str], /) -> dict[str, Any]:
        """The list of routes, and what the model takes and gives."""
        signature = self.served.signature
        inputs = {port.name: {"kind": port.kind, "dims": port.dims} for port in signature.inputs}
        outputs = {port.name: {"kind": port.kind, "dims": port.dims} for port in signature.outputs}
        return {
            "model": self.served.identity(),
            "inputs": inputs,
            "outputs": outputs,
            "accepts": takes,
            "keys": list(KEYS),
            "links": links,
            "cartograd": __version__,
        }

    async def signature(self, _: Request) -> Response:
        """The model's full signature."""
        return JSONResponse(self.served.signature.to_json())

    async def health(self, _: Request) -> Response:
        """Live: the event loop answers. Ready: the model does."""
        state = {"live": True, "ready": self.ready, "model": self.served.identity()}
        return JSONResponse(state, 200 if self.ready else 503)

    async def predict(self, request: Request) -> Response:
        """An answer for each example of the request."""
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
