"""What a route asks of its caller. All of it is in memory: the guard has done the work.

@router.delete("/jobs/{name}")
def delete(name: str, by: Annotated[Principal, Depends(require(Scope.OPERATE))]) -> None: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection, Request

from hub.access import Principal, Scope, viewer_of
from hub.model import Viewer


def principal_of(request: HTTPConnection) -> Principal:
    """Who is asking; never fails, for there is an anonymous one."""
    principal: Principal = request.scope["principal"]
    return principal


def require(scope: Scope) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that gives the principal if it has the scope; else 401 or 403."""

    # async, for FastAPI would send a plain function to a thread, at ten times its cost
    async def granted(request: Request) -> Principal:
        principal = principal_of(request)
        principal.require(scope)
        return principal

    return granted


async def viewer(request: Request) -> Viewer:
    """A dependency that gives the eyes of a principal that may read."""
    principal = principal_of(request)
    principal.require(Scope.READ)
    return viewer_of(principal)
