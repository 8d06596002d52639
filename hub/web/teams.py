"""Teams: what they own, whether they keep what they promise, and who of them hears."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Query, Request
from markupsafe import Markup
from msgspec import Struct
from starlette.responses import Response

from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Text
from hub.errors import NotFound
from hub.model import SEVERITIES, Viewer
from hub.ports import About, Hearing, Silence
from hub.store import access, incidents
from hub.store import subscriptions as store
from hub.store.db import Connection
from hub.store.incident_views import IncidentView
from hub.store.reading import Page
from hub.store.silences import in_force
from hub.store.teams import Owned, Promises, owned_by, promises_of, team_names
from hub.web.charts import Bar, bars
from hub.web.site import page, pages

router: Final = pages()

#: Days that are looked back at, and of each kind of thing those that are listed.
_DAYS: Final = 28
_LISTED: Final = 50
_IN_A_LIST: Final = 5


class Standing(Struct, frozen=True):
    """Which share of its promises a team kept; None: it had none."""

    kept: int
    broken: int
    objective: float

    @property
    def share(self) -> float | None:
        made = self.kept + self.broken
        return self.kept / made if made else None

    @property
    def is_met(self) -> bool:
        return self.share is None or self.share >= self.objective


class TeamTold(Struct, frozen=True):
    name: str
    private: bool
    owned: Owned
    open: int
    standing: Standing


@router.get("/teams")
def show_teams(request: Request, hub: Hub, eyes: Eyes) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        private = {one.name for one in access.list_teams(connection) if one.private}
        told = [
            _told(hub, connection, eyes, name, now, private=name in private)
            for name in team_names(connection, eyes)
        ]
    return page(request, "teams.html", teams=told, days=_DAYS)


def _told(
    hub: RunningHub,
    connection: Connection,
    eyes: Viewer,
    team: str,
    now: datetime,
    *,
    private: bool,
) -> TeamTold:
    promises = promises_of(connection, eyes, team, now, _DAYS)
    return TeamTold(
        team,
        private,
        owned_by(connection, eyes, team, _IN_A_LIST),
        len(_open(connection, eyes, team)),
        standing_of(hub, team, promises),
    )


def standing_of(hub: RunningHub, team: str, promises: Sequence[Promises]) -> Standing:
    declared = next((one for one in hub.settings.teams if one.name == team), None)
    own = None if declared is None else declared.objective
    return Standing(
        sum(one.kept for one in promises),
        sum(one.broken for one in promises),
        hub.settings.objective if own is None else own,
    )


def _open(connection: Connection, eyes: Viewer, team: str) -> list[IncidentView]:
    wanted = incidents.Filter(open=True, team=team)
    return incidents.list_incidents(connection, eyes, wanted, Page(_LISTED)).items


@router.get("/team")
def show_team(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    name: Annotated[Text, Query(min_length=1, max_length=512)],
) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        if name not in team_names(connection, eyes):
            raise NotFound(f"Team '{name}' not found.")
        promises = promises_of(connection, eyes, name, now, _DAYS)
        silences = in_force(connection, now)
        return page(
            request,
            "team.html",
            name=name,
            private=any(one.private for one in access.list_teams(connection) if one.name == name),
            owned=owned_by(connection, eyes, name, _LISTED),
            incidents=_open(connection, eyes, name),
            standing=standing_of(hub, name, promises),
            chart=_chart(promises),
            days=_DAYS,
            hearing=_hearing(hub, name, silences, now),
            silences=[one for one in silences if one.match.get("team") == name],
            subscriptions=store.list_subscriptions(
                connection, eyes, Page(_LISTED), team=name
            ).items,
        )


def _hearing(
    hub: RunningHub, team: str, silences: Sequence[Silence], now: datetime
) -> list[tuple[str, Hearing]]:
    """By severity, the worst first: who would hear of an incident of the team that says no more."""
    return [
        (
            severity,
            hub.teller.hearing(
                About(rule="failed-run", kind="failed_run", severity=severity, team=team),
                silences,
                now,
            ),
        )
        for severity in reversed(SEVERITIES)
    ]


def _chart(promises: Sequence[Promises]) -> Markup:
    days = [
        Bar(
            one.day,
            (
                ("b-good", one.kept, f"{one.kept:,} kept"),
                ("b-bad", one.failed, f"{one.failed:,} failed"),
                ("b-late", one.late, f"{one.late:,} too late or missed"),
            ),
        )
        for one in promises
    ]
    return bars(days, "promises kept and broken, day by day")
