"""The remaining pages: search, and the way in."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.responses import FileResponse, Response

from hub.access import Kind
from hub.api.guard import COOKIE, SESSION_COOKIE
from hub.api.params import Eyes, Hub, Text
from hub.api.search import words_of
from hub.errors import NotFound
from hub.store import search as store
from hub.web.site import HERE, back_to, ours, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
_FILES: Final = {
    "trackside.css": "text/css",
    "parts.css": "text/css",
    "trackside.js": "text/javascript",
    "grid.js": "text/javascript",
    "lineage.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "favicon.svg": "image/svg+xml",
}


@router.get("/search")
def show_search(
    request: Request, hub: Hub, eyes: Eyes, q: Annotated[Text, Query(max_length=1000)] = ""
) -> Response:
    found = store.Hits([], 0, capped=False)
    if q.strip():
        asked = store.Query(words=words_of(q), text=q.strip(), limit=50)
        with hub.db.reading() as connection:
            found = store.search(connection, eyes, asked)
    return page(request, "search.html", q=q, found=found)


# -- the way in --------------------------------------------------------------------------------


@router.get("/sign-in")
def show_sign_in(request: Request, next: Text = ".") -> Response:  # noqa: A002
    return page(request, "sign_in.html", next=ours(next), refusal="", tried=False)


@router.post("/sign-in")
def sign_in(request: Request, hub: Hub, form: Form) -> Response:
    """Takes a token; the browser keeps it where no script can read it."""
    token, place = form.get("token", "").strip(), ours(form.get("next", "."))
    found = hub.authenticator.verify(f"Bearer {token}".encode())
    if found.kind is not Kind.TOKEN:
        told = found.refusal or "this token is not known here"
        return page(request, "sign_in.html", 401, next=place, refusal=told, tried=True)
    answer = back_to(place)
    answer.set_cookie(
        COOKIE.decode(),
        token,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
def sign_out() -> Response:
    answer = back_to(".")
    answer.delete_cookie(COOKIE.decode())
    answer.delete_cookie(SESSION_COOKIE.decode())
    return answer


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    kind = _FILES.get(name)
    if kind is None:
        raise NotFound(f"there is no file {name!r}")
    folder = HERE / "static" / ("vendor" if name == "htmx.min.js" else "")
    return FileResponse(
        folder / name, media_type=kind, headers={"cache-control": "max-age=31536000, immutable"}
    )
