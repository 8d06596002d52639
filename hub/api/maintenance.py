"""Maintenance windows: what there is, and what people add and end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Operator
from hub.api.paths import Name
from hub.errors import Conflict, Forbidden
from hub.evaluate.maintenance import Maintenance, WindowGiven, of_store
from hub.model import Viewer
from hub.store import maintenance as store
from hub.store.closed import closed_to
from hub.store.db import Connection

router: Final = APIRouter(prefix="/api/v1", tags=["maintenance"], responses=RESPONSES)


class WindowView(Struct, rename="camel"):
    """A maintenance window. `active`: now; `nextChangeAt`: when that changes, null if never again.

    managedBy: the file that alone may change it. overAt: when it is over for good.
    """

    name: str
    reason: str
    select: dict[str, Any]
    begin: datetime | None
    end: datetime | None
    cron: str | None
    days: list[str] | None
    at: str | None
    duration: str | None
    timezone: str
    active: bool
    next_change_at: datetime | None
    managed_by: str | None
    declared_by: str | None
    declared_at: datetime | None
    over_at: datetime | None


class Windows(Struct, rename="camel"):
    windows: list[WindowView]


@router.get("/maintenance", responses=answers(Windows))
def list_windows(
    hub: Hub,
    eyes: Eyes,
    over: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(description="also those that are over, some weeks back")
    ] = False,
) -> Response:
    """The maintenance windows of the file and of the API, by name."""
    return answer(Windows(windows_seen(hub, eyes, datetime.now(UTC), over=over)))


def windows_seen(hub: RunningHub, eyes: Viewer, now: datetime, *, over: bool) -> list[WindowView]:
    """Those that the viewer may see, by name; over: also those that are over."""
    with hub.db.reading() as connection:
        declared = store.list_windows(connection, now - store.JUDGED if over else now)
        closed = closed_to(connection, eyes).teams
    found = [one for one in (*hub.plan.windows, *of_store(declared)) if over or _is_ahead(one, now)]
    seen = [one for one in found if one.given.select.team not in closed]
    return [_view(one, now) for one in sorted(seen, key=lambda it: it.given.name)]


@router.post("/maintenance", status_code=201, responses=answers(WindowView, 201))
def add_window(asked: WindowGiven, hub: Hub, by: Operator) -> Response:
    """Opens no incident for what is missing within the window; what ends an incident goes through."""
    _require_reach(by, asked)
    _refuse_managed(hub, asked.name)

    def add(connection: Connection, now: datetime) -> WindowView:
        one = store.DeclaredWindow(
            name=asked.name,
            team=asked.select.team,
            spec=asked.model_dump_json(),
            declared_by=by.name,
            declared_at=now,
            over_at=asked.end,
        )
        store.add_window(connection, one)
        return _view(of_store([one])[0], now)

    return answer(edit(hub, by, "maintenance_added", f"maintenance:{asked.name}", add), 201)


@router.delete("/maintenance/{window}", status_code=204)
def end_window(window: Name, hub: Hub, by: Operator) -> Response:
    """Ends a window now; one that has not begun never will. What was due in it stays untold."""
    _refuse_managed(hub, window)

    def end(connection: Connection, now: datetime) -> None:
        for one in of_store(store.list_windows(connection, now)):
            if one.given.name == window:
                _require_reach(by, one.given)
        store.end_window(connection, window, now)

    edit(hub, by, "maintenance_ended", f"maintenance:{window}", end)
    return Response(status_code=204)


def _is_ahead(one: Maintenance, now: datetime) -> bool:
    """It is open, or opens again."""
    return one.covers(now) or one.next_edge(now) is not None


def _refuse_managed(hub: RunningHub, name: str) -> None:
    for one in hub.plan.windows:
        if one.given.name == name:
            raise Conflict(
                f"the maintenance window {name!r} is managed by {one.managed_by}; change it there"
            )


def _require_reach(by: Principal, window: WindowGiven) -> None:
    """Who may not write everything silences only a team of theirs, or a namespace they may write."""
    select = window.select
    if by.has(Scope.ADMIN) or by.namespaces == ("*",) or select.team in by.teams:
        return
    if select.namespace is None or any(sign in select.namespace for sign in "*?["):
        raise Forbidden(
            f"{by.name!r} may only add or end windows of a team of theirs, or of one namespace that "
            "they may write: name it in select.team or select.namespace"
        )
    by.require_namespace(select.namespace)


def _view(one: Maintenance, now: datetime) -> WindowView:
    given = one.given
    return WindowView(
        given.name,
        given.reason,
        given.select.model_dump(),
        given.begin,
        given.end,
        given.cron,
        None if given.days is None else list(given.days),
        None if given.at is None else f"{given.at:%H:%M}",
        given.duration,
        given.timezone,
        one.covers(now),
        one.next_edge(now),
        one.managed_by,
        one.declared_by,
        one.declared_at,
        one.over_at,
    )
