"""Incidents: the list, one of them, and what a person says to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Query, Request
from starlette.responses import Response

from hub.api.incidents import Which, act, asked_for
from hub.api.params import Eyes, Hub, Operator, Paged
from hub.errors import BadInput
from hub.evaluate.people import Saying, called, reopened
from hub.incidents import acknowledge, note, snooze
from hub.model import Resolution
from hub.store import incidents as store
from hub.store.decisions import list_decisions
from hub.store.incident_views import IncidentView
from hub.store.reading import Page
from hub.web import links
from hub.web.picture import lineage_of
from hub.web.site import back_to, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Number = Annotated[int, Query(ge=1, le=2**53)]

_SNOOZES: Final = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week"}


@router.get("/incidents")
def show_incidents(
    request: Request, hub: Hub, eyes: Eyes, paged: Paged, which: Annotated[Which, Depends()]
) -> Response:
    with hub.db.reading() as connection:
        found = store.list_incidents(connection, eyes, asked_for(connection, eyes, which), paged)
    return page(
        request,
        "incidents.html",
        incidents=found.items,
        next=found.next,
        which=which,
        asked=_asked(request),
    )


def _asked(request: Request) -> dict[str, str]:
    """The query, to ask on with."""
    return {name: value for name, value in request.query_params.items() if name != "cursor"}


@router.get("/incident")
def show_incident(request: Request, hub: Hub, eyes: Eyes, id: Number) -> Response:  # noqa: A002
    with hub.db.reading() as connection:
        one = store.get_incident(connection, eyes, id)
        children = store.Filter(parent_id=id)
        alike = store.Filter(rule=one.rule, text=_subject_text(one))
        return page(
            request,
            "incident.html",
            one=one,
            evidence=_evidence(one),
            parent=_parent(connection, eyes, one),
            children=store.list_incidents(connection, eyes, children, Page(50)).items,
            alike=[
                other
                for other in store.list_incidents(connection, eyes, alike, Page(11)).items
                if other.id != id and other.job == one.job and other.dataset == one.dataset
            ],
            decisions=list_decisions(connection, id),
            picture=lineage_of(connection, eyes, job=one.job, dataset=one.dataset),
            snoozes=_SNOOZES,
        )


@router.post("/incident")
def say_of_incident(hub: Hub, eyes: Eyes, by: Operator, id: Number, form: Form) -> Response:  # noqa: A002
    """`say`: acknowledge, snooze, expected, new_normal, reopen or note."""
    word = form.get("say", "")
    act(hub, eyes, by, id, _ACTIONS.get(word, word), _saying(hub, word, form))
    return back_to(links.incident(id))


_ACTIONS: Final = {
    "acknowledge": "acknowledged",
    "snooze": "snoozed",
    "reopen": "reopened",
    "note": "noted",
}


def _saying(hub: Hub, word: str, form: dict[str, str]) -> Saying:
    reason = form.get("reason", "").strip()[:1000]
    match word:
        case "acknowledge":
            return lambda it, now: acknowledge(it.incident, reason or "acknowledged", now)
        case "snooze":
            until = datetime.now(UTC) + timedelta(hours=_hours(form.get("hours", "")))
            told = reason or f"snoozed until {until:%Y-%m-%d %H:%M} UTC"
            return lambda it, now: snooze(it.incident, until, told, now)
        case "expected":
            return called(hub.book, Resolution.EXPECTED, reason or "called expected")
        case "new_normal":
            return called(hub.book, Resolution.NEW_NORMAL, reason or "called the new normal")
        case "reopen":
            return reopened(hub.book, reason or "called so by mistake")
        case "note" if reason:
            return lambda it, _: note(it.incident, reason)
        case "note":
            raise BadInput("reason", "", "some words to note")
    raise BadInput("say", word, "acknowledge, snooze, expected, new_normal, reopen or note")


def _hours(text: str) -> int:
    if text not in _SNOOZES:
        raise BadInput("hours", text, f"one of {', '.join(_SNOOZES)}")
    return int(text)


def _parent(connection: Any, eyes: Eyes, one: IncidentView) -> IncidentView | None:
    return None if one.parent_id is None else store.get_incident(connection, eyes, one.parent_id)


def _subject_text(one: IncidentView) -> str | None:
    name = one.job or one.dataset
    return None if name is None else name.name[:255]


def _evidence(one: IncidentView) -> list[tuple[str, str]]:
    """Its plain parts, for a table; the rest is in the API."""
    found: dict[str, Any] = msgspec.json.decode(one.evidence)
    return [(name, _told(value)) for name, value in found.items() if _is_plain(value)]


def _is_plain(value: object) -> bool:
    plain = str | int | float | bool
    return isinstance(value, plain) or (
        isinstance(value, list)
        and 0 < len(value) <= 10
        and all(isinstance(v, plain) for v in value)
    )


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)
