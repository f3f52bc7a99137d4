"""Error responses: one line that says what is wrong, what was expected and how to mend it."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from cartograd.core.errors import UsageError, unknown


class RefusalError(Exception):
    """A request that cannot be answered.

    Args:
        status: the HTTP status: 400 not JSON, 403 behind a gate, 408 too slow, 413 too large,
            415 of another kind, 422 of the right kind with the wrong content.
        message: what happened; what was expected; how to mend it.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def answer(status: int, message: str, /, **headers: str) -> JSONResponse:
    """The JSON form of every error."""
    sent = message.encode(errors="replace").decode()  # halves of letters, which JSON may spell
    return JSONResponse({"error": sent}, status, headers)


async def refused(request: Request, error: Exception) -> Response:
    """The handlers that turn an exception into a response."""
    if isinstance(error, RefusalError):
        # The rest of a body that was not read to its end must not be taken for a request.
        headers = {"Connection": "close"} if error.status in (408, 413) else {}
        return answer(error.status, str(error), **headers)
    if isinstance(error, UsageError):
        return answer(422, str(error))
    if isinstance(error, HTTPException):
        return _unrouted(request, error)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)  # for the log: the client is gone
    # A bug. The traceback goes to the log, never to the client.
    return answer(500, "the model failed on this request; the server's log says why")


def _unrouted(request: Request, error: HTTPException) -> Response:
    """404 for an unknown path, 405 for a method that the path does not take."""
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
