"""What every page shares: its frame, its policy, and how an error looks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Raw
from pydantic import BeforeValidator
from starlette.responses import RedirectResponse, Response

from hub.access import Kind, Scope
from hub.api.access import principal_of
from hub.api.errors import problem_of, problem_of_invalid
from hub.errors import TooLarge, TracksideError, Unauthorized
from hub.ports.pages import to
from hub.web import marks, track, words
from hub.web.grafana import dashboard

HERE: Final = Path(__file__).parent

#: Nothing from elsewhere, nothing inline: a name full of markup can do nothing even if it got in.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: A field of a form that was left empty asks for nothing.
LEFT_EMPTY: Final = BeforeValidator(lambda value: value or None)
_MOST_OF_A_FORM: Final = 64 * 1024

environment: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(
    lasting=words.length,
    number=words.number,
    size=words.size,
    moment=words.moment,
    plain=words.plain,
    sum_of=words.sum_of,
)


def web(address: str) -> str:
    """An address from outside, if it leads to the web: a link to anything else could run a script."""
    return address if address.startswith(("https://", "http://")) else "#"


def readable(value: Raw) -> str:
    """JSON as people read it."""
    return msgspec.json.format(bytes(value), indent=2).decode()


@cache
def asset(name: str) -> str:
    """The address of a file that never changes: another content has another address."""
    (file,) = (HERE / "static").rglob(name)
    return to(f"assets/{name}", v=blake2b(file.read_bytes(), digest_size=6).hexdigest())


environment.globals.update(
    to=to,
    asset=asset,
    web=web,
    json=readable,
    count_of=words.count_of,
    marks=marks,
    track=track.track,
    version=version("trackside"),
)


def page(request: Request, template: str, status: int = 200, **given: Any) -> Response:
    """A page made of a template."""
    return fragment(request, template, status, here=address_of(request), **given)


def fragment(request: Request, template: str, status: int = 200, **given: Any) -> Response:
    """A part of a page, which takes its place in one that is open."""
    hub, by, now = request.app.state.hub, principal_of(request), datetime.now(UTC)
    html = environment.get_template(template).render(
        now=now,
        ago=lambda at: words.away(at, now),
        dashboard=partial(dashboard, hub.settings.grafana_url),
        by=by,
        signed_in=by.kind in (Kind.TOKEN, Kind.PERSON),
        may_operate=by.has(Scope.OPERATE),
        may_share=hub.people.signer is not None,
        has_oidc=hub.people.settings.oidc is not None,
        **given,
    )
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return Response(html, status, media_type="text/html", headers=headers)


def address_of(request: Request) -> str:
    """The page that was asked for, relative to its neighbours."""
    name = request.url.path.rpartition("/")[2]
    return f"{name}?{request.url.query}" if request.url.query else name or "."


def hub_url(request: Request) -> str:
    """Where this hub is reached, as lines of configuration name it."""
    told: str | None = request.app.state.hub.settings.public_url
    return (told or str(request.base_url)).rstrip("/")


def back_to(place: str) -> Response:
    """After something was done: the browser asks for a page anew."""
    return RedirectResponse(place, 303)


def ours(place: str) -> str:
    """A page of this hub, whatever was asked for: nobody is sent elsewhere."""
    name = place.partition("?")[0]
    return place if name.replace("-", "").isalpha() and "\\" not in place else "."


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form as browsers send them."""
    body = await request.body()
    if len(body) > _MOST_OF_A_FORM:
        raise TooLarge(_MOST_OF_A_FORM)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


class PageRoute(APIRoute):
    """A route whose errors are pages, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthorized as error:
                return _ask_for_a_token(request, error)
            except TracksideError as error:
                return _wrong(request, problem_of(error))
            except RequestValidationError as error:
                return _wrong(request, problem_of_invalid(error))

        return guarded


def pages() -> APIRouter:
    """A router of pages."""
    return APIRouter(include_in_schema=False, route_class=PageRoute)


def _ask_for_a_token(request: Request, error: Unauthorized) -> Response:
    return page(
        request, "sign_in.html", 401, next=address_of(request), refusal=str(error), tried=False
    )


def _wrong(request: Request, problem: dict[str, Any]) -> Response:
    return page(request, "wrong.html", problem["status"], problem=problem)
