"""Backfills: what would run, what runs, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope, viewer_of
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Paged, Text
from hub.errors import BadInput, Conflict, Forbidden
from hub.model import EntityName, Viewer
from hub.store import backfill_views as views
from hub.store import backfills as store
from hub.store.backfill_views import BackfillRow, BackfillStepView
from hub.store.backfills import State, StepState
from hub.store.db import Connection
from hub.store.facts import JobRow
from hub.store.views import View
from hub.triggers.backfills.graph import Telling
from hub.triggers.backfills.plan import plan
from hub.triggers.backfills.spec import Backfill
from hub.triggers.backfills.told import PlanView, Who, kept_of, left_of, view_of
from hub.triggers.backfills.world import Judge, read_world
from hub.triggers.rights import may_change

router: Final = APIRouter(prefix="/api/v1/backfills", tags=["backfills"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]
Reader = Annotated[Principal, Depends(require(Scope.READ))]
Starter = Annotated[Principal, Depends(require(Scope.TRIGGER))]
_ALL: Final = Viewer(all=True)
_USUAL: Final = Telling()


class BackfillView(View, frozen=True):
    """A backfill. asked: what was asked for. counts: of its steps by state. done: the share of them
    that is made. expectedEndAt: of one that runs, where it is known how long its jobs take.
    """

    id: int
    dataset: EntityName
    direction: str
    asked: dict[str, Any]
    team: str | None
    created_by: str
    note: str
    state: State
    reason: str | None
    concurrency: int
    per_job: int
    counts: dict[str, int]
    step_count: int
    done: float
    expected_end_at: datetime | None
    notes: list[str]
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class Backfills(Struct, rename="camel"):
    """The latest first."""

    backfills: list[BackfillView]
    next_cursor: str | None


class BackfillDetail(Struct, rename="camel"):
    """A backfill with a page of its steps, in their order."""

    backfill: BackfillView
    steps: list[BackfillStepView]
    next_cursor: str | None


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Text = Field("", max_length=1000)


# -- planned and begun -------------------------------------------------------------------------


@router.post("/plan", responses=answers(PlanView))
def plan_backfill(wanted: Backfill, hub: Hub, by: Reader) -> Response:
    """What would run, in which order, why, and for how long about; nothing is kept or launched."""
    now = datetime.now(UTC)
    team, note = _team_to_plan_for(by, wanted)
    with hub.db.reading() as connection:
        judge = _judge(hub, connection, wanted, team)
        graph, asked = read_world(connection, viewer_of(by), wanted, judge, now)
    made = plan(graph, asked, now)
    made.notes.extend(note)
    return answer(view_of(made, wanted))


@router.post("", status_code=201, responses=answers(BackfillView, 201))
def add_backfill(wanted: Backfill, hub: Hub, by: Starter) -> Response:
    """Plans it, keeps the plan, and runs it step by step."""
    now = datetime.now(UTC)
    team = _team_to_run_for(by, wanted)
    # Planned apart: it may take its time, and the writer is everybody's.
    with hub.db.reading() as connection:
        judge = _judge(hub, connection, wanted, team)
        graph, asked = read_world(connection, viewer_of(by), wanted, judge, now)
    made = plan(graph, asked, now)
    if all(one.barred is not None for one in made.steps):
        raise Conflict(_nothing(made.steps[0].barred if made.steps else None))
    kept = kept_of(made, graph, wanted, Who(team, by.name))
    name = f"{wanted.dataset.namespace}/{wanted.dataset.name}"

    def change(connection: Connection, at: datetime) -> BackfillView:
        number = store.add_backfill(connection, kept, at)
        return _view(connection, views.get_backfill(connection, _ALL, number), at)

    return answer(edit(hub, by, "backfill_asked", f"dataset:{name}", change), 201)


def _nothing(barred: str | None) -> str:
    if barred is None:
        return "nothing is to be done: all of it is complete (rerun makes it anew)"
    return f"nothing of it can be launched: {barred}"


# -- what there is -----------------------------------------------------------------------------


@router.get("", responses=answers(Backfills))
def list_backfills(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    state: State | None = None,
    namespace: Annotated[Text | None, Query(max_length=512, description="of its dataset")] = None,
    dataset: Annotated[Text | None, Query(max_length=2048, description="needs namespace")] = None,
) -> Response:
    """Backfills, the latest first."""
    if (namespace is None) != (dataset is None):
        raise BadInput("dataset", dataset, "dataset and namespace together")
    name = EntityName(namespace, dataset) if namespace and dataset else None
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        found = views.list_backfills(connection, eyes, views.Wanted(state, name), page)
        return answer(Backfills([_view(connection, one, now) for one in found.items], found.next))


@router.get("/{backfill}", responses=answers(BackfillDetail))
def get_backfill(
    backfill: Number, hub: Hub, eyes: Eyes, page: Paged, state: StepState | None = None
) -> Response:
    """A backfill and its steps; `state`: only those that stand so."""
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        view = _view(connection, views.get_backfill(connection, eyes, backfill), now)
        steps = views.list_steps(connection, eyes, backfill, page, state)
    return answer(BackfillDetail(view, steps.items, steps.next))


# -- what people do ----------------------------------------------------------------------------


@router.post("/{backfill}/pause", responses=answers(BackfillView))
def pause_backfill(backfill: Number, hub: Hub, by: Starter, why: Why | None = None) -> Response:
    """Releases no further steps for now; what runs is followed."""
    reason = why.reason if why else ""
    return _done(
        hub,
        by,
        backfill,
        "backfill_paused",
        lambda it, now: store.pause(it, backfill, by.name, reason, now),
    )


@router.post("/{backfill}/resume", responses=answers(BackfillView))
def resume_backfill(backfill: Number, hub: Hub, by: Starter) -> Response:
    """Goes on with one that is paused, cancelled or failed; what failed is tried again."""
    return _done(
        hub, by, backfill, "backfill_resumed", lambda it, now: store.resume(it, backfill, now)
    )


@router.post("/{backfill}/cancel", responses=answers(BackfillView))
def cancel_backfill(backfill: Number, hub: Hub, by: Starter, why: Why | None = None) -> Response:
    """Releases nothing more. What runs is its orchestrator's to end: `counts.launched` says how
    many steps that are.
    """
    reason = why.reason if why else ""
    return _done(
        hub,
        by,
        backfill,
        "backfill_cancelled",
        lambda it, now: store.cancel_backfill(it, backfill, by.name, reason, now),
    )


def _done(
    hub: RunningHub,
    by: Principal,
    number: int,
    action: str,
    do: Callable[[Connection, datetime], object],
) -> Response:
    def change(connection: Connection, now: datetime) -> BackfillView:
        held = views.get_backfill(connection, viewer_of(by), number)
        may_change(by, held.team)
        do(connection, now)
        return _view(connection, views.get_backfill(connection, _ALL, number), now)

    return answer(edit(hub, by, action, f"backfill:{number}", change))


# -- parts -------------------------------------------------------------------------------------


def _team_to_plan_for(by: Principal, wanted: Backfill) -> tuple[str | None, list[str]]:
    """For whom it is judged what can be launched, and what is to be said of that."""
    if by.has(Scope.ADMIN) or wanted.team in by.teams:
        return wanted.team, []
    if by.teams and wanted.team is None:
        return min(by.teams), []
    return None, [f"{by.name!r} is of no team that could launch it: planned as for the operator"]


def _team_to_run_for(by: Principal, wanted: Backfill) -> str | None:
    """Raises Forbidden for a team of others."""
    if by.has(Scope.ADMIN) or (wanted.team is not None and wanted.team in by.teams):
        return wanted.team
    if wanted.team is None and len(by.teams) == 1:
        return next(iter(by.teams))
    mine = ", ".join(sorted(by.teams)) or "none"
    raise Forbidden(f"{by.name!r} may only run backfills for a team of theirs ({mine}); name it")


def _judge(hub: RunningHub, connection: Connection, wanted: Backfill, team: str | None) -> Judge:
    ways, tellings = hub.hands.ways(), wanted.tellings
    grants = hub.grants.within(connection)

    def judge(job: JobRow) -> str | None:
        if job.orchestrator is None:
            return "it is not known which orchestrator runs it"
        if job.orchestrator not in ways:
            return f"{job.orchestrator} is not declared here as an orchestrator that can launch"
        conf = tellings.get(job.name, _USUAL).conf
        return grants.why_not(team, job.team, job.orchestrator, job.name, conf)

    return judge


def _view(connection: Connection, row: BackfillRow, now: datetime) -> BackfillView:
    return BackfillView(
        id=row.id,
        dataset=row.dataset,
        direction=row.direction,
        asked=row.asked,
        team=row.team,
        created_by=row.created_by,
        note=row.note,
        state=row.state,
        reason=row.reason,
        concurrency=row.concurrency,
        per_job=row.per_job,
        counts=row.counts,
        step_count=row.steps,
        done=row.done,
        expected_end_at=_expected_end(connection, row, now),
        notes=list(row.plan.get("notes", ())),
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
    )


def _expected_end(connection: Connection, row: BackfillRow, now: datetime) -> datetime | None:
    if row.state != State.RUNNING:
        return None
    left = left_of(store.steps_of(connection, row.id), row.concurrency, row.per_job)
    return None if left.total_s is None else now + timedelta(seconds=left.total_s)
