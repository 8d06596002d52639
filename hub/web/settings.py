"""Settings: tokens, who is told and whether that works, silences and maintenance windows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from hub import tokens
from hub.access import Scope
from hub.api import maintenance, silences
from hub.api.access import principal_of
from hub.api.edits import change_tokens_by, note
from hub.api.maintenance import windows_seen
from hub.api.params import Eyes, Hub, Operator
from hub.api.targets import Imagined, hearing_of, targets_told
from hub.api.tokens import LARGEST_ID, Admin
from hub.errors import BadInput
from hub.evaluate.maintenance import WindowGiven
from hub.model import SEVERITIES
from hub.store import access
from hub.store import silences as store
from hub.store.reading import Page
from hub.web.site import back_to, hub_url, ours, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]

_HOURS: Final = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week"}
_MATCHED: Final = ("team", "namespace", "job", "dataset", "rule", "severity", "orchestrator")
_VALID: Final = {"30": "30 days", "90": "90 days", "365": "a year", "": "for good"}


# -- who is told -------------------------------------------------------------------------------


@router.get("/settings")
def show_settings(
    request: Request, hub: Hub, eyes: Eyes, asked: Annotated[Imagined, Depends()]
) -> Response:
    """Targets and how each does; who would hear of an incident, where one is asked about."""
    about = asked.incident is not None or asked.node_id is not None
    return page(
        request,
        "settings.html",
        targets=targets_told(hub),
        hearing=hearing_of(hub, eyes, asked) if about else None,
        asked=asked,
        severities=SEVERITIES,
        problem=hub.teller.problem() if principal_of(request).has(Scope.OPERATE) else None,
        trial=None,
        tried=None,
    )


@router.post("/settings")
def try_target(request: Request, hub: Hub, eyes: Eyes, by: Operator, form: Form) -> Response:  # noqa: ARG001
    """Sends a message that says it is a test to `target`."""
    target = form.get("target", "")
    trial = hub.teller.test(target, datetime.now(UTC))
    note(hub, by, "target_tested", target)
    return page(
        request,
        "settings.html",
        targets=targets_told(hub),
        hearing=None,
        asked=Imagined(),
        severities=SEVERITIES,
        problem=hub.teller.problem(),
        trial=trial,
        tried=target,
    )


# -- tokens ------------------------------------------------------------------------------------


@router.get("/tokens")
def show_tokens(request: Request, hub: Hub, by: Admin) -> Response:  # noqa: ARG001  may see them
    return _tokens(request, hub, None)


@router.post("/tokens")
def change_tokens(request: Request, hub: Hub, by: Admin, form: Form) -> Response:
    """`say`: make, which shows the token this once, or revoke."""
    now, word = datetime.now(UTC), form.get("say", "")
    if word == "revoke":
        number = _number(form.get("id", ""))
        change_tokens_by(hub, lambda c: tokens.revoke(c, number, actor=by.name, now=now))
        return back_to("tokens")
    if word != "make":
        raise BadInput("say", word, "make or revoke")
    wanted = _wanted(form, now)
    made = change_tokens_by(hub, lambda c: tokens.issue(c, wanted, actor=by.name, now=now))
    return _tokens(request, hub, made)


def _tokens(request: Request, hub: Any, made: tokens.Issued | None) -> Response:
    with hub.db.reading() as connection:
        found = access.list_tokens(connection)
        teams = [one.name for one in access.list_teams(connection)]
    return page(
        request,
        "tokens.html",
        tokens=found,
        teams=teams,
        made=made,
        scopes=list(Scope),
        valid=_VALID,
        hub_url=hub_url(request),
    )


def _wanted(form: Mapping[str, str], now: datetime) -> access.NewToken:
    days = form.get("days", "")
    if days not in _VALID:
        raise BadInput("days", days, f"one of {', '.join(filter(None, _VALID))}, or none")
    return access.NewToken(
        name=form.get("name", "").strip(),
        scopes=tuple(scope.value for scope in Scope if form.get(f"scope_{scope.value}")),
        team=form.get("team", "").strip() or None,
        orchestrator=form.get("orchestrator", "").strip() or None,
        namespaces=tuple(form.get("namespaces", "").replace(",", " ").split()),
        expires_at=now + timedelta(days=int(days)) if days else None,
    )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) <= LARGEST_ID:
        raise BadInput("id", text, "the number of one")
    return int(text)


# -- silences ----------------------------------------------------------------------------------


@router.get("/silences")
def show_silences(
    request: Request,
    hub: Hub,
    eyes: Eyes,  # noqa: ARG001  may read
    over: Annotated[bool, Query(alias="all")] = False,  # noqa: FBT002
) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        found = store.list_silences(connection, Page(200), now, over=over).items
    own = [store.view_of(one, now) for one in hub.teller.silences() if over or one.ends_at > now]
    return page(
        request,
        "silences.html",
        silences=[*own, *found],
        over=over,
        hours=_HOURS,
        matched=_MATCHED,
        severities=SEVERITIES,
    )


@router.post("/silences")
def change_silences(hub: Hub, by: Operator, form: Form) -> Response:
    """`say`: add (what is told of the fields must all be so), or end."""
    word = form.get("say", "")
    if word == "end":
        silences.end_silence(_number(form.get("id", "")), hub, by)
    elif word == "add":
        silences.add_silence(_silence(form, datetime.now(UTC)), hub, by)
    else:
        raise BadInput("say", word, "add or end")
    return back_to(ours(form.get("next", "silences")))


def _silence(form: Mapping[str, str], now: datetime) -> silences.Asked:
    hours = form.get("hours", "")
    if hours not in _HOURS:
        raise BadInput("hours", hours, f"one of {', '.join(_HOURS)}")
    match = {name: form[name].strip() for name in _MATCHED if form.get(name, "").strip()}
    if not match:
        raise BadInput("match", "", "at least one of " + ", ".join(_MATCHED))
    told = {"match": match, "endsAt": now + timedelta(hours=int(hours))}
    asked: silences.Asked = _checked(silences.Asked, told | {"why": form.get("why", "").strip()})
    return asked


# -- maintenance -------------------------------------------------------------------------------


@router.get("/maintenance")
def show_windows(request: Request, hub: Hub, eyes: Eyes) -> Response:
    return page(
        request,
        "maintenance.html",
        windows=windows_seen(hub, eyes, datetime.now(UTC), over=False),
        zone=hub.settings.timezone,
    )


@router.post("/maintenance")
def change_windows(hub: Hub, by: Operator, form: Form) -> Response:
    """`say`: add or end."""
    word = form.get("say", "")
    if word == "end":
        maintenance.end_window(form.get("name", ""), hub, by)
    elif word == "add":
        maintenance.add_window(_window(form), hub, by)
    else:
        raise BadInput("say", word, "add or end")
    return back_to("maintenance")


def _window(form: Mapping[str, str]) -> WindowGiven:
    named = ("name", "reason", "begin", "end", "cron", "duration", "timezone")
    told: dict[str, Any] = {
        name: form[name].strip() for name in named if form.get(name, "").strip()
    }
    for name in ("begin", "end"):
        if name in told:  # a browser's field has no zone: the page says UTC
            told[name] = f"{told[name]}Z"
    select = {name: form[name].strip() for name in ("team", "namespace", "job") if form.get(name)}
    given: WindowGiven = _checked(WindowGiven, told | {"select": select})
    return given


def _checked(kind: Any, told: Mapping[str, Any]) -> Any:
    """Raises BadInput for what does not hold together."""
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"])) or "window"
        text = str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(path, msgspec.to_builtins(first.get("input"), enc_hook=str), text) from None
