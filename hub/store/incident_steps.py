"""Incidents kept, step by step: in transactions of the evaluating loop, or of a person's action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, func, select

from hub.errors import NotFound
from hub.model import Flaps, Incident, IncidentState, Resolution, Step
from hub.store.access import next_id
from hub.store.column_impact import Below
from hub.store.impact import Impact
from hub.store.neighbours import Neighbours
from hub.store.reading import among
from hub.store.tables import incident, incident_transition, job, recurrence
from hub.store.types import from_micros, to_micros
from hub.store.upsert import upsert


class Place(Struct, frozen=True):
    """What an incident is about. `kind` is the rule's, `subject_kind` the subject's sort."""

    rule: str
    kind: str
    subject_kind: str
    subject_id: int
    team: str | None
    severity: str
    dry_run: bool


#: Jobs and datasets downstream that an incident keeps, the nearest.
KEPT: Final = 200


class Held(Struct, frozen=True):
    """An incident as it is kept, and of what it is."""

    id: int
    incident: Incident
    rule: str
    subject_kind: str
    subject_id: int


def find_incident(connection: Connection, place: Place, key: str) -> Held | None:
    """The incident of this rule, subject and key; nobody else moves it until the transaction ends."""
    mine = incident.c
    statement = select(incident).where(
        mine.rule == place.rule,
        mine.subject_kind == place.subject_kind,
        mine.subject_id == place.subject_id,
        mine.key == key,
    )
    row = connection.execute(statement.with_for_update()).first()
    return None if row is None else _held(row)


def hold_incident(connection: Connection, key: int) -> Held:
    """The incident with this id; nobody else moves it until the transaction ends. Or NotFound."""
    row = connection.execute(select(incident).where(incident.c.id == key).with_for_update()).first()
    if row is None:
        raise NotFound(f"Incident '{key}' not found.")
    return _held(row)


_OPEN = select(incident).where(incident.c.resolved_at.is_(None))


def open_on(connection: Connection, kind: str, subject: int) -> list[Held]:
    """Open incidents of a subject, the oldest first."""
    statement = _OPEN.where(incident.c.subject_id == subject, incident.c.subject_kind == kind)
    ordered = statement.order_by(incident.c.since, incident.c.id)
    return [_held(row) for row in connection.execute(ordered)]


def due_incidents(connection: Connection, now: datetime, limit: int) -> list[Held]:
    """Those that time alone moves by now, the longest due first."""
    mine = select(incident).where(incident.c.due_at <= now).order_by(incident.c.due_at)
    return [_held(row) for row in connection.execute(mine.limit(limit))]


# -- how often a rule opens --------------------------------------------------------------------


def turns_of(connection: Connection, place: Place, key: str) -> list[datetime]:
    """When the rule opened on the subject, as it was kept last. key: "" is the subject as a whole."""
    mine = recurrence.c
    kept = connection.scalar(
        select(mine.turns).where(
            mine.rule == place.rule,
            mine.subject_kind == place.subject_kind,
            mine.subject_id == place.subject_id,
            mine.key == key,
        )
    )
    return [from_micros(at) for at in msgspec.json.decode(kept, type=list[int])] if kept else []


def save_turns(connection: Connection, place: Place, key: str, turns: Sequence[datetime]) -> None:
    row = {
        "rule": place.rule,
        "subject_kind": place.subject_kind,
        "subject_id": place.subject_id,
        "key": key,
        "turns": _text([to_micros(at) for at in turns]),
    }
    upsert(connection, recurrence, [row])


# -- steps -------------------------------------------------------------------------------------


def open_incident(
    connection: Connection,
    place: Place,
    made: Step,
    below: Neighbours | None,
    now: datetime,
    columns: Below | None = None,
) -> int:
    """Enters an incident that was not there; its id. below, columns: what is downstream of it."""
    number = next_id(connection, "incident")
    whose = {f"{place.subject_kind}_id": place.subject_id}
    connection.execute(
        incident.insert().values(
            id=number,
            **msgspec.structs.asdict(place) | whose | _moving(made.incident, now),
            key=made.incident.key,
            impact=None if below is None else _text(_nearest(below, columns or Below())),
        )
    )
    _note(connection, number, made, now, None)
    return number


def move_incident(
    connection: Connection, key: int, made: Step, now: datetime, by: str | None = None
) -> None:
    """Keeps where the incident stands now, and how it got there."""
    keep_incident(connection, key, made.incident, now)
    _note(connection, key, made, now, by)


def keep_incident(connection: Connection, key: int, one: Incident, now: datetime) -> None:
    """Keeps where the incident stands now, where nothing is to be told of it."""
    connection.execute(incident.update().where(incident.c.id == key).values(**_moving(one, now)))


def open_causes(
    connection: Connection, around: Neighbours, orchestrator_id: int | None = None
) -> list[int]:
    """Open incidents on these that have no cause themselves, the first first.

    With an orchestrator, those that say that it is silent come before all others.
    """
    silent = _SILENT.where(incident.c.orchestrator_id == orchestrator_id)
    found = [] if orchestrator_id is None else list(connection.scalars(silent))
    rows = [
        row
        for column, keys in (
            (incident.c.job_id, around.jobs),
            (incident.c.dataset_id, around.datasets),
        )
        for row in among(connection, _OPEN_ROOTS, column, keys)
    ]
    return found + [row.id for row in sorted(rows, key=lambda row: (row.since, row.id))]


def open_on_jobs_of(connection: Connection, orchestrator_id: int, since: datetime) -> list[int]:
    """Open incidents without a cause on jobs of the orchestrator that went wrong since then."""
    statement = _OPEN_ROOTS.join(job, job.c.id == incident.c.job_id).where(
        job.c.orchestrator_id == orchestrator_id, incident.c.since >= since
    )
    return [row.id for row in connection.execute(statement.order_by(incident.c.id))]


def open_of_other_rules(connection: Connection, rules: Mapping[str, str]) -> list[Held]:
    """Open incidents of rules that are not among these (name: kind); of targets there is no rule."""
    mine = select(incident).where(
        incident.c.resolved_at.is_(None), incident.c.subject_kind != "target"
    )
    rows = connection.execute(mine)
    return [_held(row) for row in rows if rules.get(row.rule) != row.kind]


def open_of(connection: Connection, rule: str, kind: str, subject: int) -> list[Held]:
    """Open incidents of this rule on this subject."""
    statement = _OPEN.where(
        incident.c.subject_id == subject,
        incident.c.subject_kind == kind,
        incident.c.rule == rule,
    )
    return [_held(row) for row in connection.execute(statement)]


def open_children(connection: Connection, parent: int) -> list[Held]:
    """Open incidents whose cause is this one."""
    mine = select(incident).where(incident.c.parent_id == parent, incident.c.resolved_at.is_(None))
    return [
        _held(row) for row in connection.execute(mine.order_by(incident.c.id).with_for_update())
    ]


_OPEN_ROOTS = select(incident.c.id, incident.c.since).where(
    incident.c.resolved_at.is_(None), incident.c.parent_id.is_(None), incident.c.dry_run.is_(False)
)


_SILENT = select(incident.c.id).where(
    incident.c.resolved_at.is_(None),
    incident.c.kind == "orchestrator_silent",
    incident.c.dry_run.is_(False),
)


def _nearest(below: Neighbours, columns: Below) -> Impact:
    jobs, datasets = below.jobs[:KEPT], below.datasets[:KEPT]
    cut_off = below.truncated or len(jobs) < len(below.jobs) or len(datasets) < len(below.datasets)
    return Impact(jobs, datasets, columns.columns, cut_off or columns.truncated)


def _moving(one: Incident, now: datetime) -> dict[str, Any]:
    return {
        "state": one.state,
        "severity": one.severity,
        "reason": one.reason,
        "evidence": _text(one.evidence),
        "since": one.since,
        "opened_at": one.opened_at,
        "resolved_at": one.resolved_at,
        "resolution": one.resolution,
        "parent_id": one.parent,
        "snoozed_until": one.snoozed_until,
        "escalates_at": one.escalates_at,
        "flaps": None if one.flaps is None else _text(one.flaps),
        "due_at": one.due_at,
        "updated_at": now,
    }


def _note(connection: Connection, key: int, made: Step, now: datetime, by: str | None) -> None:
    last = select(func.max(incident_transition.c.version)).where(
        incident_transition.c.incident_id == key
    )
    connection.execute(
        incident_transition.insert().values(
            id=next_id(connection, "incident_transition"),
            incident_id=key,
            at=now,
            transition=made.transition,
            by=by,
            reason=made.reason,
            evidence=_text(made.evidence),
            version=1 + (connection.scalar(last) or 0),
            state=made.incident.state,
            severity=made.incident.severity,
            parent_id=made.incident.parent,
        )
    )


def _held(row: Row[Any]) -> Held:
    return Held(
        row.id,
        Incident(
            key=row.key,
            severity=row.severity,
            state=IncidentState(row.state),
            reason=row.reason,
            evidence=msgspec.json.decode(row.evidence),
            since=row.since,
            opened_at=row.opened_at,
            resolved_at=row.resolved_at,
            resolution=None if row.resolution is None else Resolution(row.resolution),
            parent=row.parent_id,
            snoozed_until=row.snoozed_until,
            escalates_at=row.escalates_at,
            flaps=None if row.flaps is None else msgspec.json.decode(row.flaps, type=Flaps),
        ),
        row.rule,
        row.subject_kind,
        row.subject_id,
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
