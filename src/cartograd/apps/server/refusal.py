"""Error responses: one line that says what is wrong, what was expected and how to mend it."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from cartograd.core.errors import UsageError, unknown


class RefusalError(Exception):
    """A request that cannot be answered.

    Args:
        status: the HTTP status: 400 not JSON, 403 behind a gate, 408 too slow, 413 too large, 415
            of another kind, 422 of the right kind with the wrong content (400 by OpenAI's
            protocol), 503 too many.
        message: what happened; what was expected; how to mend it.
        param: by OpenAI's protocol, the key that is wrong.
        code: by OpenAI's protocol, what programs know the error by.
    """

    def __init__(self, status: int, message: str, param: str | None = None, code: str = ""):
        super().__init__(message)
        self.status, self.param, self.code = status, param, code or None


FAILED = "the model failed on this request; the server's log says why"
"""What is said of a bug. The traceback goes to the log, never to the client."""

OPENAI = "/v1/"
"""Where paths begin that speak OpenAI's protocol, errors included."""


def told(error: Exception, /) -> dict[str, Any]:
    """An error in the shape of OpenAI's protocol."""
    known = isinstance(error, RefusalError | UsageError)
    status = error.status if isinstance(error, RefusalError) else 400
    param, code = (error.param, error.code) if isinstance(error, RefusalError) else (None, None)
    kind = "invalid_request_error" if known and status < 500 else "server_error"
    message = _sent(str(error)) if known else FAILED
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


async def refused(request: Request, error: Exception) -> Response:
    """The handlers that turn an exception into a response."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)  # for the log: the client is gone
    found, headers = error, dict[str, str]()
    if isinstance(error, HTTPException):
        found, headers = _unrouted(request, error)
    openai = request.url.path.startswith(OPENAI)
    if isinstance(found, UsageError):
        found = RefusalError(400 if openai else 422, str(found))
    if not isinstance(found, RefusalError):
        found = RefusalError(500, FAILED)
    if found.status in (408, 413):
        # The rest of a body that was not read to its end must not be taken for a request.
        headers["Connection"] = "close"
    if found.status == 503:
        headers["Retry-After"] = "1"
    body = told(found) if openai else {"error": _sent(str(found))}
    return JSONResponse(body, found.status, headers)


def _sent(message: str) -> str:
    return message.encode(errors="replace").decode()  # halves of letters, which JSON may spell


def _unrouted(request: Request, error: HTTPException) -> tuple[RefusalError, dict[str, str]]:
    """404 for an unknown path, 405 for a method that the path does not take."""
    path = request.url.path
    if error.status_code == 404:
        known = [route.path for route in request.app.routes]
        return RefusalError(404, str(unknown("path", path, known))), {}
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"{path} does not take {request.method}; expected {allowed}"
        return RefusalError(405, message), {"Allow": allowed}
    return RefusalError(error.status_code, str(error.detail)), {}
