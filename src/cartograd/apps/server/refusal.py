"""What the server answers when it cannot: one line that says what, what was expected, and how."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cartograd.core.errors import UsageError, unknown


class RefusalError(Exception):
    """A request that cannot be answered.

    Args:
        status: the HTTP status: 400 not JSON, 408 too slow, 413 too large, 415 of another kind,
            422 of the right kind with the wrong content.
        message: what happened; what was expected; how to mend it.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def answer(status: int, message: str, /, **headers: str) -> JSONResponse:
    """The one form that every error has."""
    return JSONResponse({"error": message}, status, headers)


async def refused(_: Request, error: Exception) -> Response:
    """A request that this server refuses."""
    assert isinstance(error, RefusalError)
    # The rest of a body that was not read to its end must not be taken for the next request.
    headers = {"Connection": "close"} if error.status in (408, 413) else {}
    return answer(error.status, str(error), **headers)


async def misused(_: Request, error: Exception) -> Response:
    """Input that the library refuses."""
    assert isinstance(error, UsageError)
    return answer(422, str(error))


async def failed(_: Request, __: Exception) -> Response:
    """Our own mistake: the traceback goes to the log, never to the client."""
    return answer(500, "the model failed on this request; the server's log says why")


async def unrouted(request: Request, error: Exception) -> Response:
    """No such path, or a path that knows other methods."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        known = [route.path for route in request.app.routes]
        return answer(404, str(unknown("path", path, known)))
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return answer(
            405, f"{path} does not take {request.method}; expected {allowed}", Allow=allowed
        )
    return answer(error.status_code, str(error.detail))


async def left(_: Request, __: Exception) -> Response:
    """The client is gone; nobody reads this."""
    return Response(status_code=499)
