"""Now: is everything all right?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from hub.api.params import Eyes, Hub
from hub.model import SEVERITIES, EntityName, EventType, Viewer
from hub.store import incidents, orchestrators, stats, upcoming
from hub.store.db import Connection
from hub.store.incident_views import IncidentView
from hub.store.predictions import BreachView
from hub.store.reading import Page
from hub.store.running import list_running
from hub.web.marks import Hour
from hub.web.site import page, pages

router: Final = pages()

BEHIND: Final = 24
AHEAD: Final = 12
_HOUR: Final = timedelta(hours=1)
#: Open incidents that are listed, and those of which predictions are.
_LISTED: Final = 50
_PREDICTED: Final = 10
_MOST_SLOTS: Final = 1000


class Soon(Struct, frozen=True):
    """A breach to come, and the incident that will cause it."""

    breach: BreachView
    incident: IncidentView

    @property
    def subject(self) -> EntityName | None:
        return self.breach.job or self.breach.dataset


@router.get("/")
def show_now(request: Request, hub: Hub, eyes: Eyes) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        wanted = incidents.Filter(open=True, roots=True)
        found = incidents.list_incidents(connection, eyes, wanted, Page(_LISTED))
        roots = sorted(found.items, key=_worst_first)
        return page(
            request,
            "now.html",
            roots=roots,
            more=found.next is not None,
            told=headline(roots),
            soon=_soon(connection, eyes, roots, now),
            running=list_running(connection, eyes, 20),
            orchestrators=orchestrators.list_orchestrators(connection, Page(100)).items,
            hours=_hours(connection, eyes, now),
            hub_url=hub.settings.public_url or str(request.base_url).rstrip("/"),
            empty=not stats.total_events(connection, eyes),
        )


class Headline(Struct, frozen=True):
    """The answer in one look: `signal` is clear, caution or stop."""

    signal: str
    text: str


def headline(roots: Sequence[IncidentView]) -> Headline:
    """What is open, the worst first; what nobody is to be woken for is told apart."""
    loud = [one for one in roots if not one.dry_run]
    counted = Counter(one.severity for one in loud)
    if not loud:
        return Headline("clear", "Everything runs as it should.")
    told = [f"{counted[name]} {name}" for name in reversed(SEVERITIES) if counted[name]]
    signal = "stop" if counted["critical"] or counted["error"] else "caution"
    noun = "incident" if len(loud) == 1 else "incidents"
    return Headline(signal, f"{len(loud)} open {noun}: {', '.join(told)}.")


def _worst_first(one: IncidentView) -> tuple[bool, int, float]:
    return one.dry_run, -SEVERITIES.index(one.severity), -one.opened_at.timestamp()


def _soon(
    connection: Connection, eyes: Viewer, roots: Iterable[IncidentView], now: datetime
) -> list[Soon]:
    found = []
    for root in list(roots)[:_PREDICTED]:
        impact = incidents.get_incident(connection, eyes, root.id).impact
        breaches = () if impact is None else impact.breaches
        found += [Soon(breach, root) for breach in breaches if breach.breach_at > now]
    return sorted(found, key=lambda one: one.breach.breach_at)[:20]


def _hours(connection: Connection, eyes: Viewer, now: datetime) -> list[Hour]:
    first = now.replace(minute=0, second=0, microsecond=0) - (BEHIND - 1) * _HOUR
    bounds = [first + n * _HOUR for n in range(BEHIND + AHEAD + 1)]
    counted = stats.events_between(connection, eyes, bounds)
    slots = upcoming.list_upcoming(
        connection, eyes, upcoming.Asked(now, bounds[-1]), Page(_MOST_SLOTS)
    )
    expected = Counter(int((slot.due_at - first) / _HOUR) for slot in slots.items)
    opened = incidents.list_incidents(
        connection, eyes, incidents.Filter(roots=True, since=first), Page(500)
    )
    marked = Counter(int((one.opened_at - first) / _HOUR) for one in opened.items)
    return [
        Hour(
            at=bounds[n],
            completed=events.get(EventType.COMPLETE, 0),
            failed=events.get(EventType.FAIL, 0),
            incidents=marked[n],
            expected=expected[n],
        )
        for n, events in enumerate(counted)
    ]
