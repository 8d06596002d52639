"""Incidents: what is wrong, what it is the cause of, and what people say to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.node_ids import parse
from hub.api.params import Cursor, Eyes, Hub, Instant, Limit, Operator, Paged, Text
from hub.errors import BadInput, NotFound
from hub.evaluate.people import Saying, called, reopened, say
from hub.incidents import Severity, acknowledge, note, snooze
from hub.model import IncidentState, Resolution, Viewer
from hub.store import incidents as store
from hub.store.db import Connection
from hub.store.incident_views import IncidentView, StreamedView
from hub.store.names import match_dataset, match_job
from hub.store.reading import decode_cursor, encode_cursor

router: Final = APIRouter(prefix="/api/v1", tags=["incidents"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]


class Incidents(Struct, rename="camel"):
    incidents: list[IncidentView]
    next_cursor: str | None


class Transitions(Struct, rename="camel"):
    """`nextCursor` is always there: with it, ask again for what happened meanwhile."""

    transitions: list[StreamedView]
    next_cursor: str


class Said(BaseModel):
    """What a person says of an incident."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = Field("", max_length=1000)


class Snoozed(Said):
    """Until when nobody wants to hear of it."""

    until: Instant


class Noted(BaseModel):
    """A comment."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = Field(min_length=1, max_length=10_000)


Word = Annotated[Text | None, Query(max_length=63)]


@dataclass(frozen=True, slots=True)
class Which:
    """The query of a list of incidents."""

    open: Annotated[bool | None, Query(description="only open ones, or only those over")] = None
    roots: Annotated[bool, Query(description="only those that no other incident causes")] = False
    rule: Word = None
    kind: Annotated[Text | None, Query(max_length=63, description="of the rule")] = None
    severity: Annotated[Severity | None, Query()] = None
    state: Annotated[IncidentState | None, Query()] = None
    team: Word = None
    namespace: Annotated[Text | None, Query(max_length=4096)] = None
    orchestrator: Annotated[
        Text | None, Query(max_length=255, description="of the job, or itself")
    ] = None
    since: Annotated[Instant | None, Query(description="opened then or later")] = None
    until: Annotated[Instant | None, Query(description="opened before")] = None
    text: Annotated[
        Text | None,
        Query(max_length=255, description="part of the reason, or of the name of job or dataset"),
    ] = None
    cause: Annotated[
        int | None, Query(ge=1, le=2**53, description="only those that this incident causes")
    ] = None
    node_id: Annotated[
        Text | None,
        Query(
            alias="nodeId",
            max_length=8192,
            description="only those of job:<namespace>:<name> or dataset:<namespace>:<name>",
        ),
    ] = None


@router.get("/incidents", responses=answers(Incidents))
def list_incidents(
    hub: Hub, eyes: Eyes, page: Paged, which: Annotated[Which, Depends()]
) -> Response:
    """Incidents, those that opened last first."""
    with hub.db.reading() as connection:
        found = store.list_incidents(connection, eyes, asked_for(connection, eyes, which), page)
    return answer(Incidents(found.items, found.next))


@router.get("/incidents/transitions", responses=answers(Transitions))
def list_transitions(
    hub: Hub,
    eyes: Eyes,
    cursor: Cursor = None,
    limit: Limit = 100,
    from_now: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(alias="fromNow", description="none, only the cursor behind the latest")
    ] = False,
) -> Response:
    """Every step of every incident once, the oldest first, in the order they were committed.

    Without a cursor from the oldest that is kept. A page may be empty though more follows, where
    what it holds is private to others; it ends where `nextCursor` stays the same.
    """
    after = 0 if cursor is None else decode_cursor(cursor, tuple[int])[0]
    with hub.db.reading() as connection:
        if from_now:
            return answer(Transitions([], encode_cursor(store.latest_transition(connection))))
        found, last = store.list_transitions(connection, eyes, after, limit)
    return answer(Transitions(found, encode_cursor(last)))


@router.get("/incidents/{incident}", responses=answers(IncidentView))
def get_incident(incident: Number, hub: Hub, eyes: Eyes) -> Response:
    """One incident with its history, what was downstream when it opened, and what it will breach."""
    with hub.db.reading() as connection:
        return answer(store.get_incident(connection, eyes, incident))


@router.post("/incidents/{incident}/acknowledge", responses=answers(IncidentView))
def acknowledge_incident(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Said | None = None
) -> Response:
    """Says that somebody is at it; it stays open until the world heals."""
    reason = _reason(said, "acknowledged")
    return answer(
        act(
            hub,
            eyes,
            by,
            incident,
            "acknowledged",
            lambda it, now: acknowledge(it.incident, reason, now),
        )
    )


@router.post("/incidents/{incident}/snooze", responses=answers(IncidentView))
def snooze_incident(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Snoozed
) -> Response:
    """Says that nobody wants to hear of it until a time; still open then, it comes back."""
    reason = _reason(said, f"snoozed until {said.until:%Y-%m-%d %H:%M} UTC")
    return answer(
        act(
            hub,
            eyes,
            by,
            incident,
            "snoozed",
            lambda it, now: snooze(it.incident, said.until, reason, now),
        )
    )


@router.post("/incidents/{incident}/expected", responses=answers(IncidentView))
def call_incident_expected(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Said | None = None
) -> Response:
    """Says that it is as it should be: the incident is over, and this period opens it no more.

    Also of one that is over. Its run counts for what is normal.
    """
    saying = called(hub.book, Resolution.EXPECTED, _reason(said, "called expected"))
    return answer(act(hub, eyes, by, incident, "expected", saying))


@router.post("/incidents/{incident}/new-normal", responses=answers(IncidentView))
def call_incident_new_normal(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Said | None = None
) -> Response:
    """Says that this is normal from now on: the incident is over, and what was before is forgotten.

    Also of one that is over. 409 where the rule does not learn what is normal.
    """
    saying = called(hub.book, Resolution.NEW_NORMAL, _reason(said, "called the new normal"))
    return answer(act(hub, eyes, by, incident, "new_normal", saying))


@router.post("/incidents/{incident}/reopen", responses=answers(IncidentView))
def reopen_incident(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Said | None = None
) -> Response:
    """Takes back that it was called expected or the new normal."""
    saying = reopened(hub.book, _reason(said, "called so by mistake"))
    return answer(act(hub, eyes, by, incident, "reopened", saying))


@router.post("/incidents/{incident}/note", responses=answers(IncidentView))
def note_incident(incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Noted) -> Response:
    """Adds a comment to its history."""
    return answer(
        act(hub, eyes, by, incident, "noted", lambda it, _: note(it.incident, said.reason))
    )


def act(
    hub: RunningHub, eyes: Viewer, by: Principal, key: int, action: str, saying: Saying
) -> IncidentView:
    """Does what a person says, and notes who it was; the incident after it."""

    def change(connection: Connection, now: datetime) -> IncidentView:
        _may_act(by, store.get_incident(connection, eyes, key))
        say(connection, key, saying, by.name, now)
        return store.get_incident(connection, eyes, key)

    return edit(hub, by, f"incident_{action}", str(key), change)


def _may_act(by: Principal, one: IncidentView) -> None:
    """Returns for who may write where the incident is, or is of the team that owns it."""
    name = one.job or one.dataset
    if name is not None and (one.team is None or one.team not in by.teams):
        by.require_namespace(name.namespace)


def _reason(said: Said | None, usual: str) -> str:
    return said.reason if said is not None and said.reason else usual


def asked_for(connection: Connection, eyes: Viewer, which: Which) -> store.Filter:
    """What a query means; raises NotFound for a node that there is not."""
    given = {name: getattr(which, name) for name in _GIVEN}
    job, dataset = subject_of(connection, eyes, which.node_id)
    return store.Filter(job_id=job, dataset_id=dataset, parent_id=which.cause, **given)


_GIVEN: Final = tuple(
    name for name in Which.__dataclass_fields__ if name not in {"node_id", "cause"}
)


def subject_of(
    connection: Connection, eyes: Viewer, node_id: str | None
) -> tuple[int | None, int | None]:
    """The job or the dataset that a node id names; raises NotFound."""
    if node_id is None:
        return None, None
    names = parse(node_id).entities
    if node_id.startswith("job:"):
        job = match_job(connection, eyes, names)
        if job is not None:
            return job, None
    elif node_id.startswith("dataset:"):
        dataset = match_dataset(connection, eyes, names)
        if dataset is not None:
            return None, dataset
    else:
        raise BadInput("nodeId", node_id, "job:<namespace>:<name> or dataset:<namespace>:<name>")
    raise NotFound(f"Node '{node_id}' not found.")
