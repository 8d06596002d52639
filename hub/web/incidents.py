"""Incidents: the list, one of them, and what a person says to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.responses import Response

from hub.api.incidents import Which, act, asked_for
from hub.api.node_ids import dataset_id, job_id
from hub.api.params import Eyes, Hub, Operator, Paged
from hub.errors import BadInput
from hub.evaluate.people import Saying, called, reopened
from hub.incidents import acknowledge, note, snooze
from hub.model import Resolution, Viewer
from hub.ports import Capability
from hub.store import incidents as store
from hub.store import runs
from hub.store.db import Connection
from hub.store.decisions import list_decisions
from hub.store.delivery_views import deliveries_of
from hub.store.incident_views import IncidentView
from hub.store.jobs import get_job
from hub.store.reading import Page
from hub.store.similar import similar_to
from hub.store.views import RunView
from hub.web import links
from hub.web.evidence import drawn, evidence_of
from hub.web.launching import can, offer_of
from hub.web.picture import lineage_of_incident
from hub.web.site import back_to, page, pages, read_form
from hub.web.words import told

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Number = Annotated[int, Query(ge=1, le=2**53)]

#: Past ones that are listed.
_ALIKE: Final = 10
_SNOOZES: Final = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week"}


@router.get("/incidents")
def show_incidents(
    request: Request, hub: Hub, eyes: Eyes, paged: Paged, which: Annotated[Which, Depends()]
) -> Response:
    asked = _asked(request)
    left: dict[str, Any] = {name: None for name in _WORDS if getattr(which, name) == ""}
    told = replace(which, **left)
    with hub.db.reading() as connection:
        found = store.list_incidents(connection, eyes, asked_for(connection, eyes, told), paged)
    return page(
        request,
        "incidents.html",
        incidents=found.items,
        next=found.next,
        which=told,
        asked=asked,
        empty=_NONE.get(tuple(sorted(asked.items())), "No incident is like that."),
    )


#: What a form leaves empty asks for nothing.
_WORDS: Final = ("rule", "kind", "team", "namespace", "orchestrator", "text", "node_id")
#: By what was asked for.
_NONE: Final = {
    (): "No incident was opened yet.",
    (("open", "true"),): "Nothing is wrong: no incident is open.",
    (("open", "true"), ("roots", "true")): "Nothing is wrong: no incident is open.",
    (("open", "false"),): "No incident is over yet.",
}


def _asked(request: Request) -> dict[str, str]:
    """The query, to ask on with."""
    return {
        name: value for name, value in request.query_params.items() if value and name != "cursor"
    }


@router.get("/incident")
def show_incident(request: Request, hub: Hub, eyes: Eyes, id: Number) -> Response:  # noqa: A002
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        one = store.get_incident(connection, eyes, id)
        parent, run = _parent(connection, eyes, one), _run(connection, eyes, one)
        children = store.Filter(parent_id=id)
        owner = None if one.job is None else get_job(connection, eyes, one.job).orchestrator
        partition = None if run is None else run.partition
        return page(
            request,
            "incident.html",
            one=one,
            facts=_facts(one),
            drawn=drawn(connection, eyes, one, now),
            run=run,
            has_log=run is not None and owner is not None and can(hub, owner, Capability.LOG_TAIL),
            launch=one.job
            and offer_of(request, hub, owner, one.job, partition, f"because of incident {id}"),
            parent=parent,
            children=store.list_incidents(connection, eyes, children, Page(50)).items,
            past=similar_to(connection, eyes, id, _ALIKE),
            decisions=list_decisions(connection, id),
            deliveries=deliveries_of(connection, eyes, id),
            picture=lineage_of_incident(connection, eyes, one, parent),
            node=_node(one),
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
            why = reason or f"snoozed until {until:%Y-%m-%d %H:%M} UTC"
            return lambda it, now: snooze(it.incident, until, why, now)
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


def _parent(connection: Connection, eyes: Viewer, one: IncidentView) -> IncidentView | None:
    return None if one.parent_id is None else store.get_incident(connection, eyes, one.parent_id)


def _run(connection: Connection, eyes: Viewer, one: IncidentView) -> RunView | None:
    """The run that it is about."""
    if one.links.run is None or one.job is None:
        return None
    named = UUID(one.links.run.rpartition("/")[2])
    key = runs.find_run(connection, eyes, named, [one.job])
    return runs.run_views_by_id(connection, eyes, [key])[key]


def _node(one: IncidentView) -> str | None:
    """Where its lineage begins."""
    if one.job is not None:
        return job_id(one.job)
    if one.dataset is not None:
        return dataset_id(one.dataset)
    return None


#: What is told elsewhere on the page.
_ELSEWHERE: Final = frozenset({"url", "run", "text"})


def _facts(one: IncidentView) -> list[tuple[str, str]]:
    """What it goes by, as people read it; all of it is in the API."""
    return [
        told(name, value)
        for name, value in evidence_of(one).items()
        if name not in _ELSEWHERE and value not in (None, "", [], {})
    ]
