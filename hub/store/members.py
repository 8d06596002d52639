"""The incidents of a notification, with all that a message says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, case, func, select

from hub.model import SEVERITIES, IncidentState
from hub.ports import Member, Standing, WhoIsHit
from hub.store import cases, facts
from hub.store.impact import Breach, Impact
from hub.store.reading import among
from hub.store.tables import dataset, incident, incident_transition, job, membership, namespace
from hub.store.told_runs import runs_told

#: Members that are read of a notification; jobs and datasets that are named; runs of the trend.
MEMBERS: Final = 20
HIT: Final = 8
RUNS: Final = 12

_FIRST = case({Standing.OPEN: 0, Standing.ACKNOWLEDGED: 1}, value=membership.c.standing, else_=2)
_WORST = case(
    {name: -index for index, name in enumerate(SEVERITIES)}, value=incident.c.severity, else_=0
)


def members(connection: Connection, keys: Collection[int]) -> defaultdict[int, list[Member]]:
    """The first of each notification: open before over, severe before mild, old before new."""
    rank = func.row_number().over(
        partition_by=membership.c.notification_id,
        order_by=(_FIRST, _WORST, incident.c.opened_at, incident.c.id),
    )
    ranked = (
        select(
            membership.c.notification_id,
            membership.c.incident_id,
            membership.c.standing,
            rank.label("rank"),
        )
        .join(incident, incident.c.id == membership.c.incident_id)
        .where(membership.c.notification_id.in_(keys))
        .subquery()
    )
    top = select(ranked).where(ranked.c.rank <= MEMBERS).order_by(ranked.c.rank)
    places = connection.execute(top).all() if keys else []
    details = _details(connection, {row.incident_id for row in places})
    found: defaultdict[int, list[Member]] = defaultdict(list)
    for row in places:
        if row.incident_id in details:
            one = details[row.incident_id]
            standing = Standing(row.standing)
            found[row.notification_id].append(replace(one, standing=standing))
    return found


def _details(connection: Connection, keys: Collection[int]) -> dict[int, Member]:
    rows = among(connection, cases.ABOUT, incident.c.id, keys)
    abouts = cases.abouts_of(connection, rows)
    steps, runs = _steps(connection, keys), _runs(connection, rows)
    its_run = runs_told(connection, rows)
    below = {row.id: _below(row) for row in rows}
    names = _names(connection, below.values())
    return {
        row.id: Member(
            id=row.id,
            about=abouts[row.id],
            state=IncidentState(row.state),
            standing=Standing.OPEN,
            reason=row.reason,
            evidence=msgspec.json.decode(row.evidence),
            since=row.since,
            opened_at=row.opened_at,
            resolved_at=row.resolved_at,
            cause=row.cause,
            hit=_hit(below[row.id], names),
            hidden=max(0, len(below[row.id]) - HIT),
            run=its_run.get(row.id),
            steps=steps[row.id],
            runs=runs.get(row.job_id, ()),
        )
        for row in rows
    }


Below = dict[tuple[str, int], Breach | None]


def _below(row: Row[Any]) -> Below:
    """What is downstream: first what is predicted to breach, then jobs and datasets, the nearest
    first.
    """
    if row.impact is None:
        return {}
    told = msgspec.json.decode(row.impact, type=Impact)
    found: Below = {}
    for one in told.predicted.breaches if told.predicted is not None else ():
        found.setdefault((one.subject_kind, one.subject_id), one)
    jobs, data = [("job", key) for key in told.jobs], [("dataset", key) for key in told.datasets]
    return found | {each: found.get(each) for each in (*jobs, *data)}


def _names(connection: Connection, belows: Collection[Below]) -> dict[tuple[str, int], WhoIsHit]:
    wanted = {each for below in belows for each in list(below)[:HIT]}
    found = {}
    for kind, table in (("job", job), ("dataset", dataset)):
        statement = select(table.c.id, namespace.c.name, table.c.name, table.c.team).join(
            namespace, namespace.c.id == table.c.namespace_id
        )
        keys = [key for sort, key in wanted if sort == kind]
        for row in among(connection, statement, table.c.id, keys):
            found[kind, row[0]] = WhoIsHit(f"{row[1]}:{row[2]}", row[3])
    return found


def breaches_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, list[WhoIsHit]]:
    """What each incident is predicted to make late; of rows of `cases.ABOUT`."""
    belows = {row.id: _below(row) for row in rows}
    names = _names(connection, belows.values())
    found = {key: _hit(below, names) for key, below in belows.items()}
    return {key: [one for one in hit if one.breach_at is not None] for key, hit in found.items()}


def _hit(below: Below, names: Mapping[tuple[str, int], WhoIsHit]) -> list[WhoIsHit]:
    return [
        names[each]
        if one is None
        else replace(names[each], breach_at=one.breach_at, probability=one.probability)
        for each, one in list(below.items())[:HIT]
        if each in names
    ]


def _steps(
    connection: Connection, keys: Collection[int]
) -> defaultdict[int, list[tuple[datetime, str, str, str | None]]]:
    mine = incident_transition.c
    statement = select(mine.incident_id, mine.at, mine.transition, mine.reason, mine.by, mine.id)
    rows = among(connection, statement, mine.incident_id, keys)
    found: defaultdict[int, list[tuple[datetime, str, str, str | None]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        found[row.incident_id].append((row.at, row.transition, row.reason, row.by))
    return found


def _runs(
    connection: Connection, rows: Sequence[Row[Any]]
) -> dict[int, tuple[tuple[str, float | None], ...]]:
    jobs = sorted({row.job_id for row in rows if row.job_id is not None})
    seen = facts.runs_seen(connection, jobs, RUNS) if jobs else {}
    return {
        key: tuple((str(run.state), _seconds(run.started_at, run.ended_at)) for run in runs[::-1])
        for key, runs in seen.items()
    }


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()
