"""Incidents: what is wrong, what it is the cause of, and what people say to it; rules in force."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.node_ids import parse
from hub.api.params import Eyes, Hub, Operator, Paged, Text
from hub.errors import BadInput, Conflict, NotFound
from hub.evaluate.outcome import release_children
from hub.incidents import acknowledge, resolve
from hub.model import Resolution, Step, Viewer
from hub.store import incidents as store
from hub.store.db import Connection
from hub.store.names import match_dataset, match_job

router: Final = APIRouter(prefix="/api/v1", tags=["incidents"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]


class Incidents(Struct, rename="camel"):
    incidents: list[store.IncidentView]
    next_cursor: str | None


class RuleView(Struct, rename="camel"):
    """A rule in force: its kind, whom it selects, and its kind's settings."""

    name: str
    kind: str
    severity: str
    select: dict[str, Any]
    settings: dict[str, Any]
    dry_run: bool


class Rules(Struct, rename="camel"):
    rules: list[RuleView]


class Said(BaseModel):
    """What a person says of an incident."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = Field("", max_length=1000)


@router.get("/incidents", responses=answers(Incidents))
def list_incidents(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    open: Annotated[bool | None, Query(description="only open ones, or only those over")] = None,  # noqa: A002
    roots: Annotated[  # noqa: FBT002  a query parameter has a name
        bool, Query(description="only those that no other incident causes")
    ] = False,
    rule: Annotated[Text | None, Query(max_length=63)] = None,
    team: Annotated[Text | None, Query(max_length=63)] = None,
    node_id: Annotated[
        Text | None,
        Query(
            alias="nodeId",
            max_length=8192,
            description="only those of job:<namespace>:<name> or dataset:<namespace>:<name>",
        ),
    ] = None,
) -> Response:
    """Incidents, those that opened last first."""
    with hub.db.reading() as connection:
        job, dataset = _subject(connection, eyes, node_id)
        wanted = store.Filter(open, job, dataset, rule=rule, team=team, roots=roots)
        found = store.list_incidents(connection, eyes, wanted, page)
    return answer(Incidents(found.items, found.next))


@router.get("/incidents/{incident}", responses=answers(store.IncidentView))
def get_incident(incident: Number, hub: Hub, eyes: Eyes) -> Response:
    """One incident with its history and what was downstream when it opened."""
    with hub.db.reading() as connection:
        return answer(store.get_incident(connection, eyes, incident))


@router.post("/incidents/{incident}/acknowledge", responses=answers(store.IncidentView))
def acknowledge_incident(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Said | None = None
) -> Response:
    """Says that somebody is at it; it stays open until the world heals."""

    def act(_: Connection, held: store.Held, __: datetime) -> Step:
        made = acknowledge(held.incident, _reason(said, "acknowledged"))
        if made is None:
            raise Conflict(f"incident {incident} is {held.incident.state.lower()} already")
        return made

    return _move(hub, eyes, by, incident, "incident_acknowledged", act)


@router.post("/incidents/{incident}/expected", responses=answers(store.IncidentView))
def call_incident_expected(
    incident: Number, hub: Hub, eyes: Eyes, by: Operator, said: Said | None = None
) -> Response:
    """Says that it is as it should be: the incident is over, and this period opens it no more."""

    def act(connection: Connection, held: store.Held, now: datetime) -> Step:
        if not held.incident.is_open:
            raise Conflict(f"incident {incident} is over already")
        release_children(connection, held.id, held.incident.parent, now)
        return resolve(held.incident, Resolution.EXPECTED, _reason(said, "called expected"), now)

    return _move(hub, eyes, by, incident, "incident_expected", act)


@router.get("/rules", responses=answers(Rules))
def list_rules(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    """The rules in force: the pack that is always there, and those of trackside.yaml."""
    declared = [rule.declared for rule in hub.book.rules.values()]
    found = [
        RuleView(
            one.name, one.kind, one.severity, one.select.model_dump(), one.settings, one.dry_run
        )
        for one in declared
    ]
    return answer(Rules(found))


def _move(
    hub: RunningHub, eyes: Viewer, by: Principal, key: int, action: str, act: Any
) -> Response:
    """Does what a person says, and notes who it was; shows the incident after it."""

    def change(connection: Connection, now: datetime) -> store.IncidentView:
        store.get_incident(connection, eyes, key)  # may be seen
        held = store.hold_incident(connection, key)
        store.move_incident(connection, key, act(connection, held, now), now, by.name)
        return store.get_incident(connection, eyes, key)

    return answer(edit(hub, by, action, str(key), change))


def _reason(said: Said | None, usual: str) -> str:
    return said.reason if said is not None and said.reason else usual


def _subject(
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
