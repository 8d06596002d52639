"""Backfills as people see them: what is done, and how each step stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, exists, func, or_, select, true

from hub.errors import NotFound
from hub.model import EntityName, Viewer
from hub.store.backfills import DONE, State, StepState
from hub.store.reading import (
    Page,
    Slice,
    among,
    cut,
    decode_cursor,
    encode_cursor,
    kept_from,
    newest_first,
)
from hub.store.tables import backfill, backfill_step, job, namespace
from hub.store.views import View

_MINE = backfill.c
_STEP = backfill_step.c


class StepWriteView(View, frozen=True):
    """A partition that a step writes. status: how it stood when it was planned."""

    dataset: EntityName
    partition: str
    status: str


class BackfillStepView(View, frozen=True):
    """One run of a job for one partition, after the steps `after`. why: missing, failed, stale,
    running, asked or follows. seconds: how long it is expected to take, if that is known.
    """

    no: int
    orchestrator: str | None
    job: EntityName
    partition: str | None
    level: int
    writes: list[StepWriteView]
    why: str
    after: list[int]
    seconds: float | None
    state: str
    reason: str | None
    launch_id: int | None
    tries: int
    changed_at: datetime


class BackfillRow(Struct, frozen=True):
    """A backfill, and how many of its steps are in which state."""

    id: int
    dataset: EntityName
    direction: str
    asked: dict[str, Any]
    plan: dict[str, Any]
    note: str
    team: str | None
    created_by: str
    state: State
    reason: str | None
    concurrency: int
    per_job: int
    steps: int
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    counts: dict[str, int]

    @property
    def done(self) -> float:
        """The share of steps that are made."""
        made = sum(self.counts[state] for state in DONE)
        return round(made / self.steps, 4) if self.steps else 1.0


class Wanted(Struct, frozen=True):
    """Which backfills are listed."""

    state: State | None = None
    dataset: EntityName | None = None


def list_backfills(
    connection: Connection, viewer: Viewer, wanted: Wanted, page: Page
) -> Slice[BackfillRow]:
    """The latest first."""
    statement = select(backfill).where(_open_to(viewer), *_conditions(wanted))
    rows = connection.execute(newest_first(statement, page, _MINE.created_at, _MINE.id)).all()
    kept, following = cut(rows, page, lambda row: (row.created_at, row.id))
    counts = _counts(connection, [row.id for row in kept])
    return Slice([_row(row, counts[row.id]) for row in kept], following)


def get_backfill(connection: Connection, viewer: Viewer, number: int) -> BackfillRow:
    """Raises NotFound, also for one of a team that is private to others."""
    mine = select(backfill).where(_MINE.id == number, _open_to(viewer))
    row = connection.execute(mine).first()
    if row is None:
        raise NotFound(f"Backfill '{number}' not found.")
    return _row(row, _counts(connection, [number])[number])


def list_steps(
    connection: Connection, viewer: Viewer, number: int, page: Page, state: StepState | None = None
) -> Slice[BackfillStepView]:
    """In their order, without those of jobs that are private to others."""
    mine = select(backfill_step).where(_STEP.backfill_id == number, _job_open_to(viewer))
    if state is not None:
        mine = mine.where(_STEP.state == state)
    if page.after is not None:
        (after,) = decode_cursor(page.after, tuple[int])
        mine = mine.where(_STEP.no > after)
    statement = mine.order_by(_STEP.no).limit(page.limit + 1).offset(page.offset)
    rows = connection.execute(statement).all()
    kept = rows[: page.limit]
    more = len(rows) > len(kept) and kept
    following = encode_cursor(kept[-1].no) if more else None
    return Slice([_step(row) for row in kept], following)


def _open_to(viewer: Viewer) -> Any:
    if viewer.all:
        return true()
    return or_(_MINE.team.is_(None), ~kept_from(viewer, _MINE.team))


def _job_open_to(viewer: Viewer) -> Any:
    if viewer.all:
        return true()
    closed = (
        select(job.c.id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(
            namespace.c.name == _STEP.job_namespace,
            job.c.name == _STEP.job_name,
            or_(job.c.hidden, kept_from(viewer, job.c.team)),
        )
    )
    return ~exists(closed)


def _conditions(wanted: Wanted) -> list[Any]:
    found = [] if wanted.state is None else [_MINE.state == wanted.state]
    if wanted.dataset is not None:
        its = and_(_MINE.namespace == wanted.dataset.namespace, _MINE.name == wanted.dataset.name)
        found.append(its)
    return found


_COUNTS: Final = select(_STEP.backfill_id, _STEP.state, func.count().label("count")).group_by(
    _STEP.backfill_id, _STEP.state
)


def _counts(connection: Connection, numbers: Iterable[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys((str(one) for one in StepState), 0)
    )
    for row in among(connection, _COUNTS, _STEP.backfill_id, numbers):
        found[row.backfill_id][row.state] = row.count
    return found


def _row(row: Row[Any], counts: dict[str, int]) -> BackfillRow:
    return BackfillRow(
        id=row.id,
        dataset=EntityName(row.namespace, row.name),
        direction=row.direction,
        asked=msgspec.json.decode(row.asked),
        plan=msgspec.json.decode(row.plan),
        note=row.note,
        team=row.team,
        created_by=row.created_by,
        state=State(row.state),
        reason=row.reason,
        concurrency=row.concurrency,
        per_job=row.per_job,
        steps=row.steps,
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
        counts=counts,
    )


def _step(row: Row[Any]) -> BackfillStepView:
    return BackfillStepView(
        row.no,
        row.orchestrator,
        EntityName(row.job_namespace, row.job_name),
        row.partition,
        row.level,
        msgspec.json.decode(row.writes, type=list[StepWriteView]),
        row.why,
        msgspec.json.decode(row.after),
        row.seconds,
        row.state,
        row.reason,
        row.launch_id,
        row.tries,
        row.changed_at,
    )


# -- figures -----------------------------------------------------------------------------------


def step_figures(connection: Connection) -> dict[tuple[str, ...], float]:
    """How many steps of backfills that are not over are in which state."""
    mine = (
        select(_STEP.state, func.count())
        .join(backfill, _MINE.id == _STEP.backfill_id)
        .where(_MINE.active)
        .group_by(_STEP.state)
    )
    found = {str(row[0]): float(row[1]) for row in connection.execute(mine)}
    return {(str(state),): found.get(state, 0.0) for state in StepState}
