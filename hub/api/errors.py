"""Every error as application/problem+json (RFC 9457), with what the clients of Marquez read.

`type` is what a program compares (`urn:trackside:not-found`); `code` and `message` are Marquez's
words for the status and the text. No answer holds a stack or a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hub.errors import Overloaded, TracksideError, Unauthorized, shorten
from hub.logs import mask

PROBLEM: Final = "application/problem+json"
DOCS: Final = "/docs lists what the hub answers"

_SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "message"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:trackside:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "integer", "description": "the status, as Marquez calls it"},
        "message": {"type": "string", "description": "the detail, as Marquez calls it"},
        "path": {"type": "string", "description": "where in the input"},
        "found": {"type": "string"},
        "expected": {"type": "string"},
    },
}


def _documented(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM: {"schema": _SCHEMA}}}


#: For `FastAPI(responses=...)` or a router: how errors look in the OpenAPI document.
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: _documented("The input is malformed"),
    401: _documented("A valid token is needed"),
    403: _documented("This was not granted"),
    404: _documented("There is no such thing"),
    409: _documented("This contradicts what is there"),
    413: _documented("The body is too large"),
    422: _documented("A parameter or field is not as described"),
    503: _documented("This can't be taken just now; see Retry-After"),
}

#: The same of the door, which also reads compressed bodies and limits each token.
DOOR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **{code: RESPONSES[code] for code in (400, 401, 403, 413, 503)},
    408: _documented("The body did not arrive in time"),
    415: _documented("A content encoding other than gzip"),
    422: _documented("The store can't hold this"),
    429: _documented("Over the limit of this token; see Retry-After"),
}


def install(app: FastAPI) -> None:
    """Has the app answer every error that its routes raise as a problem.

    What is unexpected is answered by the shell, which knows the request's id.
    """
    app.add_exception_handler(TracksideError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def problem_of(error: TracksideError) -> dict[str, Any]:
    """The members of the problem document."""
    return _problem(error.code, error.title, error.status, str(error), error.details)


def problem_response(error: TracksideError) -> Response:
    return _response(problem_of(error), _headers_of(error))


def unexpected_response(incident: str) -> Response:
    """For what should not have happened: the log tells more under that id."""
    text = f"the hub met an error that it did not expect; its log tells more under {incident}"
    return _response(_problem("internal", "Something went wrong", 500, text, {"id": incident}))


def _problem(
    code: str, title: str, status: int, detail: str, more: Mapping[str, object]
) -> dict[str, Any]:
    detail = mask(detail)
    told = {key: mask(value) if isinstance(value, str) else value for key, value in more.items()}
    return {
        "type": f"urn:trackside:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": status,
        "message": detail,
        **told,
    }


def _response(problem: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    body = msgspec.json.encode(problem)
    return Response(body, problem["status"], headers=headers, media_type=PROBLEM)


def _headers_of(error: TracksideError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="trackside"'}
    if isinstance(error, Overloaded):
        return {"Retry-After": str(max(1, ceil(error.retry_after)))}
    return {}


async def _on_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, TracksideError)
    return problem_response(error)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _response(problem_of_invalid(error))


def problem_of_invalid(error: RequestValidationError) -> dict[str, Any]:
    """The same of parameters and fields that are not as described."""
    problems = [_invalid(detail) for detail in error.errors()]
    first = problems[0]
    text = f"{first['path']}: expected {first['expected']}, found {first['found']}"
    return _problem(
        "invalid", "The input is not as described", 422, text, {**first, "errors": problems}
    )


def _invalid(detail: Mapping[str, Any]) -> dict[str, str]:
    if detail["type"] == "json_invalid":
        return _broken_json(detail)
    path = _path(detail["loc"])
    found = "nothing" if detail["type"] == "missing" else shorten(detail.get("input"))
    return {"path": mask(path), "found": mask(found), "expected": _expected(detail)}


def _expected(detail: Mapping[str, Any]) -> str:
    """Pydantic's sentence without its beginning: "a valid integer"."""
    if detail["type"] == "missing":
        return "a value"
    if detail["type"] == "extra_forbidden":
        return "no such field"
    text = str(detail["msg"]).removeprefix("Value error, ")
    return mask(re.sub(r"^(\w+ )?should (be )?", "", text))


def _broken_json(detail: Mapping[str, Any]) -> dict[str, str]:
    reason = detail.get("ctx", {}).get("error", "something else")
    return {"path": "$", "found": f"{reason} (byte {detail['loc'][-1]})", "expected": "JSON"}


def _path(location: Sequence[str | int]) -> str:
    """`$.tags[0]` within a body, else `query.limit` and the like."""
    where, *inner = location or ("body",)
    start = "$" if where == "body" else str(where)
    return start + "".join(f"[{i}]" if isinstance(i, int) else f".{i}" for i in inner)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # FastAPI wraps what goes wrong while it reads a body.
    if isinstance(error.__cause__, TracksideError):
        return problem_response(error.__cause__)
    code, text = _http_told(request, error)
    return _response(_problem(code, error.detail, error.status_code, text, {}), error.headers)


def _http_told(request: Request, error: HTTPException) -> tuple[str, str]:
    # A slash within a name is told as it was sent (hub.api.paths).
    asked = f"{request.method} {request.url.path}".replace("\0", "%2F")
    if error.status_code == 404:
        return "not-found", f"nothing answers {asked}; {DOCS}"
    if error.status_code == 405:
        return "method-not-allowed", f"nothing answers {asked}, only other methods do; {DOCS}"
    return f"http-{error.status_code}", error.detail
