"""What happened since it was last read, with what figures ask of it. Each change is read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, func, select

from hub.baselines.baseline import Baseline
from hub.schedules.spans import Span
from hub.store.changes import heads
from hub.store.cursors import Change, read_changes, save_places
from hub.store.facts import DURATION
from hub.store.figures import named
from hub.store.reading import among
from hub.store.spans import spans_of
from hub.store.step_cursors import save_step, start_at_last_step, step_of
from hub.store.tables import (
    baseline,
    dataset,
    incident,
    incident_transition,
    job,
    orchestrator,
    run,
)

READER: Final = "figures"


class Ran(Struct, frozen=True):
    """A run that changed, as it stands now. `whole`: its job is no part of another."""

    job: int
    orchestrator: str
    team: str
    kind: str
    whole: bool
    natural_id: str
    sort_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    nominal_at: datetime | None
    backfill: str | None = None


class Moved(Struct, frozen=True):
    """A transition of an incident that counts (no dry run)."""

    transition: str
    kind: str
    severity: str
    team: str
    orchestrator: str


class Happened(Struct, frozen=True):
    """Changes and transitions, and what they are about. `spans`: of jobs whose runs started."""

    changes: Sequence[Change]
    moves: Sequence[Moved]
    runs: Mapping[int, Ran]
    teams: Mapping[int, str]  # of datasets
    baselines: Mapping[int, Baseline]
    spans: Mapping[int, Sequence[Span]]
    places: dict[int, int]
    step: int | None  # None: no transition was read

    @property
    def empty(self) -> bool:
        return not self.changes and self.step is None


def begin(connection: Connection) -> None:
    """Who reads for the first time reads what happens from now on."""
    if start_at_last_step(connection, READER):
        save_places(connection, READER, heads(connection))


def happened(
    connection: Connection, limit: int, began: Iterable[str], ended: Iterable[str]
) -> Happened:
    """At most `limit` of either. began, ended: kinds of change of runs that started or ended."""
    changes, places = read_changes(connection, READER, limit)
    moves, step = _moves(connection, limit)
    started, done = frozenset(began), frozenset(ended)
    keys = {c.run_id for c in changes if c.run_id and c.kind in started | done}
    runs = {row.id: _ran(row) for row in among(connection, _RUNS, run.c.id, keys)}
    whole = {key: one.job for key, one in runs.items() if one.whole}
    return Happened(
        changes,
        moves,
        runs,
        _teams(connection, {c.dataset_id for c in changes if c.dataset_id}),
        _baselines(
            connection, {whole[c.run_id] for c in changes if c.run_id in whole and c.kind in done}
        ),
        spans_of(
            connection,
            {whole[c.run_id] for c in changes if c.run_id in whole and c.kind in started},
        ),
        places,
        step,
    )


def save(connection: Connection, found: Happened) -> None:
    """It is read."""
    save_places(connection, READER, found.places)
    if found.step is not None:
        save_step(connection, READER, found.step)


_RUNS = (
    select(
        run.c.id,
        run.c.job_id,
        named(orchestrator.c.name).label("orchestrator"),
        named(job.c.team).label("team"),
        named(job.c.kind).label("kind"),
        job.c.parent_job_id,
        run.c.natural_id,
        run.c.sort_at,
        run.c.queued_at,
        run.c.started_at,
        run.c.ended_at,
        run.c.nominal_start,
        run.c.backfill,
    )
    .join(job, job.c.id == run.c.job_id)
    .outerjoin(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
)


def _ran(row: Row[Any]) -> Ran:
    return Ran(
        row.job_id,
        row.orchestrator,
        row.team,
        row.kind,
        row.parent_job_id is None,
        row.natural_id,
        row.sort_at,
        row.queued_at,
        row.started_at,
        row.ended_at,
        row.nominal_start,
        row.backfill,
    )


_MOVES = (
    select(
        incident_transition.c.id,
        incident_transition.c.transition,
        incident.c.kind,
        incident.c.severity,
        named(incident.c.team),
        named(orchestrator.c.name),
        incident.c.dry_run,
    )
    .join(incident, incident.c.id == incident_transition.c.incident_id)
    .outerjoin(job, job.c.id == incident.c.job_id)
    .outerjoin(
        orchestrator,
        orchestrator.c.id == func.coalesce(incident.c.orchestrator_id, job.c.orchestrator_id),
    )
    .where(incident_transition.c.id > bindparam("after"))
    .order_by(incident_transition.c.id)
    .limit(bindparam("most"))
)


def _moves(connection: Connection, limit: int) -> tuple[list[Moved], int | None]:
    given = {"after": step_of(connection, READER), "most": limit}
    rows = connection.execute(_MOVES, given).all()
    return [Moved(*row[1:6]) for row in rows if not row[6]], rows[-1][0] if rows else None


_TEAMS = select(dataset.c.id, named(dataset.c.team))


def _teams(connection: Connection, keys: Iterable[int]) -> dict[int, str]:
    return dict(tuple(row) for row in among(connection, _TEAMS, dataset.c.id, keys))


_BASELINES = select(baseline.c.job_id, baseline.c.payload).where(
    baseline.c.metric == DURATION, baseline.c.payload.is_not(None)
)


def _baselines(connection: Connection, jobs: Iterable[int]) -> dict[int, Baseline]:
    rows = among(connection, _BASELINES, baseline.c.job_id, jobs)
    return {key: msgspec.json.decode(payload, type=Baseline) for key, payload in rows}
