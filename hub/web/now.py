"""Now: is everything all right?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from hub import tokens
from hub.access import Kind, Scope, viewer_of
from hub.api.access import principal_of
from hub.api.edits import change_tokens_by
from hub.api.params import Eyes, Hub
from hub.api.tokens import Admin
from hub.model import SEVERITIES, EntityName, EventType, Viewer
from hub.store import incidents, orchestrators, stats
from hub.store.access import NewToken
from hub.store.db import Connection
from hub.store.incident_counts import opened_since
from hub.store.incident_views import IncidentView
from hub.store.predictions import BreachView, open_breaches
from hub.store.reading import Page
from hub.store.running import list_running
from hub.store.slot_counts import slots_between
from hub.web.site import hub_url, page, pages
from hub.web.track import Hour

router: Final = pages()

BEHIND: Final = 24
AHEAD: Final = 24
_HOUR: Final = timedelta(hours=1)
#: Open incidents that are counted, and those that are listed.
_COUNTED: Final = 50
_LISTED: Final = 12
_RUNNING: Final = 15
_LATE: Final = 15
#: Kinds of incidents that say that something is not there in time.
LATE: Final = (
    "missed_schedule",
    "late_start",
    "late_finish",
    "overrun",
    "stuck",
    "freshness",
    "missing_partition",
)
#: Those of them that are of a slot.
_OF_SLOTS: Final = frozenset({"missed_schedule", "late_start", "late_finish"})


class Soon(Struct, frozen=True):
    """A breach to come, and the incident that will cause it."""

    breach: BreachView
    incident: IncidentView

    @property
    def subject(self) -> EntityName | None:
        return self.breach.job or self.breach.dataset


@router.get("/")
def show_now(request: Request, hub: Hub, eyes: Eyes) -> Response:
    return _shown(request, hub, eyes)


@router.post("/first-token")
def make_first_token(request: Request, hub: Hub, by: Admin) -> Response:
    """A token that may send, shown this once, in the lines that have it."""
    now = datetime.now(UTC)
    name = f"sender-{now:%Y%m%dT%H%M%S}"
    wanted = NewToken(name=name, scopes=(Scope.INGEST,), namespaces=("*",))
    made = change_tokens_by(hub, lambda c: tokens.issue(c, wanted, actor=by.name, now=now))
    return _shown(request, hub, viewer_of(by), made)


def _shown(request: Request, hub: Hub, eyes: Viewer, made: tokens.Issued | None = None) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        wanted = incidents.Filter(open=True, roots=True)
        found = incidents.list_incidents(connection, eyes, wanted, Page(_COUNTED))
        roots = sorted(found.items, key=_worst_first)
        late = incidents.Filter(open=True, kinds=LATE)
        return page(
            request,
            "now.html",
            roots=roots[:_LISTED],
            more=found.next is not None or len(roots) > _LISTED,
            told=headline(roots, more=found.next is not None),
            soon=_soon(connection, eyes, roots, now),
            late=incidents.list_incidents(connection, eyes, late, Page(_LATE)).items,
            running=list_running(connection, eyes, _RUNNING),
            orchestrators=orchestrators.list_orchestrators(connection, Page(100)).items,
            hours=_hours(connection, eyes, now),
            hub_url=hub_url(request),
            made=made,
            token=_token_told(request, made),
            empty=not stats.total_events(connection, eyes),
        )


def _token_told(request: Request, made: tokens.Issued | None) -> str | None:
    """What stands for the token in lines of configuration; None: none is needed."""
    if made is not None:
        return made.text
    return None if principal_of(request).kind is Kind.OPEN else "tsk_..."


class Headline(Struct, frozen=True):
    """The answer in one look: `signal` is clear, caution or stop."""

    signal: str
    text: str


def headline(roots: Sequence[IncidentView], *, more: bool = False) -> Headline:
    """What is open, the worst first; what nobody is to be woken for is told apart."""
    loud = [one for one in roots if not one.dry_run]
    counted = Counter(one.severity for one in loud)
    if not loud:
        return Headline("clear", "Everything runs as it should.")
    told = [f"{counted[name]} {name}" for name in reversed(SEVERITIES) if counted[name]]
    signal = "stop" if counted["critical"] or counted["error"] else "caution"
    noun = "incident" if len(loud) == 1 else "incidents"
    many = f"More than {len(loud)}" if more else f"{len(loud)}"
    return Headline(signal, f"{many} open {noun}: {', '.join(told)}.")


def _worst_first(one: IncidentView) -> tuple[bool, int, float]:
    return one.dry_run, -SEVERITIES.index(one.severity), -one.opened_at.timestamp()


def _soon(
    connection: Connection, eyes: Viewer, roots: Iterable[IncidentView], now: datetime
) -> list[Soon]:
    known = {one.id: one for one in roots}
    return [
        Soon(breach, known[key])
        for key, breach in open_breaches(connection, eyes, now)
        if key in known
    ]


def _hours(connection: Connection, eyes: Viewer, now: datetime) -> list[Hour]:
    first = now.replace(minute=0, second=0, microsecond=0) - (BEHIND - 1) * _HOUR
    bounds = [first + n * _HOUR for n in range(BEHIND + AHEAD + 1)]
    counted = stats.events_between(connection, eyes, bounds)
    slots = slots_between(connection, eyes, bounds)
    opened: Counter[int] = Counter()
    missed: Counter[int] = Counter()
    for at, kind in opened_since(connection, eyes, first):
        hour = int((at - first) / _HOUR)
        opened[hour] += 1
        missed[hour] += kind in _OF_SLOTS
    return [
        Hour(
            at=bounds[n],
            completed=events.get(EventType.COMPLETE, 0),
            failed=events.get(EventType.FAIL, 0),
            incidents=opened[n],
            slots=slots[n],
            missed=min(missed[n], slots[n]),
        )
        for n, events in enumerate(counted)
    ]
