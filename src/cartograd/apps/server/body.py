"""The body of a request: all of it, in time and within its limit, or a refusal."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.requests import ClientDisconnect, Request

from cartograd.apps.server.refusal import RefusalError

_WASTE = 4
"""How many times its limit of a body is read on and thrown away before the connection is closed:
most clients look for an answer only when they have sent everything."""


@dataclass(frozen=True)
class Limits:
    """What a request may ask for.

    Attributes:
        body: bytes of the body.
        examples: how many examples it may hold.
        draws: how many passes with dropout on it may ask for.
        drawn: how many examples a generative model draws for it.
        steps: of the sampler that draws them.
        patience: seconds in which the body must have arrived.
    """

    body: int = 32 * 2**20
    examples: int = 1024
    draws: int = 100
    drawn: int = 256
    steps: int = 1000
    patience: float = 30.0


async def received(request: Request, limits: Limits, /) -> bytes:
    """The whole body.

    Raises:
        RefusalError: 400 its length is not a number, 408 it is too slow, 413 it is too large.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdecimal():
        raise RefusalError(400, f"the header Content-Length: {length} is not a number")
    too_large = RefusalError(413, f"the body is over {limits.body} bytes; send less at a time")
    if int(length) > limits.body and "expect" in request.headers:
        raise too_large  # the client waits for "100 Continue" before it sends the body
    body, size = bytearray(), 0
    with anyio.move_on_after(limits.patience) as scope:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limits.body:
                body += chunk
            elif size > _WASTE * limits.body:
                break
    if size > limits.body:
        raise too_large
    if scope.cancelled_caught:
        raise RefusalError(408, f"the body did not arrive within {limits.patience:g} s")
    return bytes(body)


async def until_gone(
    request: Request, work: Coroutine[Any, Any, dict[str, Any]], /
) -> dict[str, Any]:
    """What is done for a client, for as long as it waits; its body has been read.

    Raises:
        ClientDisconnect: it has gone, and what was done is cancelled.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
