"""A plan as it is told, and as it is kept to be run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from hub.model import EntityName
from hub.schedules.periods import Every
from hub.store.backfill_views import StepWriteView
from hub.store.backfills import NewBackfill, NewStep, Step, StepState, Write
from hub.store.views import View
from hub.triggers.backfills.estimate import Estimate, Piece, estimate
from hub.triggers.backfills.graph import Graph, Telling
from hub.triggers.backfills.spec import Backfill
from hub.triggers.backfills.steps import Looked, Plan
from hub.triggers.backfills.steps import Step as Planned

_USUAL = Telling()


class PlannedStep(View, frozen=True):
    """One run of a job for one partition, after the steps `after`. why: missing, failed, stale,
    running (somebody is about it: it is waited for), asked, or follows (complete, but made of what
    is made anew). barred: why it can't be launched. seconds: how long it is expected to take, if
    that is known.
    """

    no: int
    orchestrator: str | None
    job: EntityName
    partition: str | None
    level: int
    writes: list[StepWriteView]
    why: str
    after: list[int]
    barred: str | None
    seconds: float | None


class DatasetPlan(View, frozen=True):
    """How the partitions of a dataset stand that are looked at; `steps` make some of them."""

    dataset: EntityName
    level: int
    every: Every | None
    timezone: str
    wanted: int
    complete: int
    missing: int
    failed: int
    stale: int
    running: int
    steps: int


class PlanView(View, frozen=True):
    """What would run, in which order. counts: of steps by why. notes: what is left out, and why.
    barred: how many steps can't be launched.
    """

    dataset: EntityName
    direction: str
    steps: list[PlannedStep]
    counts: dict[str, int]
    datasets: list[DatasetPlan]
    estimate: Estimate
    notes: list[str]
    barred: int


def view_of(made: Plan, wanted: Backfill) -> PlanView:
    return PlanView(
        wanted.dataset.entity,
        wanted.direction,
        [_step(one) for one in made.steps],
        made.counts,
        sorted(map(_looked, made.looked), key=lambda one: (one.level, one.dataset)),
        estimate_of(made, wanted),
        made.notes,
        sum(one.barred is not None for one in made.steps),
    )


def estimate_of(made: Plan, wanted: Backfill) -> Estimate:
    """Of the steps that can be launched."""
    pieces = [
        Piece(one.no, one.job.name, one.after, one.job.seconds)
        for one in made.steps
        if one.barred is None
    ]
    return estimate(pieces, wanted.concurrency, wanted.per_job)


def left_of(steps: Iterable[Step], concurrency: int, per_job: int) -> Estimate:
    """Of what is still to be done; what runs counts as if it began now."""
    open_ = (StepState.WAITING, StepState.LAUNCHED)
    pieces = [Piece(one.no, one.job, one.after, one.seconds) for one in steps if one.state in open_]
    return estimate(pieces, concurrency, per_job)


def _step(one: Planned) -> PlannedStep:
    return PlannedStep(
        one.no,
        one.job.orchestrator,
        one.job.name,
        one.partition,
        one.level,
        [StepWriteView(each.dataset, each.partition, each.status) for each in one.writes],
        one.why,
        one.after,
        one.barred,
        one.job.seconds,
    )


def _looked(one: Looked) -> DatasetPlan:
    layout, counts = one.dataset.layout, {str(key): count for key, count in one.counts.items()}
    return DatasetPlan(
        dataset=one.dataset.name,
        level=one.dataset.level,
        every=layout.cut.every if layout.cut else None,
        timezone=layout.timezone,
        wanted=sum(counts.values()),
        steps=one.steps,
        **counts,
    )


# -- kept --------------------------------------------------------------------------------------


class Who(Struct, frozen=True):
    """For whom, and by whom it is run."""

    team: str | None
    by: str


def kept_of(made: Plan, graph: Graph, wanted: Backfill, who: Who) -> NewBackfill:
    tellings = wanted.tellings
    told = estimate_of(made, wanted)
    return NewBackfill(
        dataset=wanted.dataset.entity,
        direction=wanted.direction,
        asked=wanted.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        plan={"notes": made.notes, "counts": made.counts, "estimate": msgspec.to_builtins(told)},
        note=wanted.note,
        team=who.team,
        by=who.by,
        concurrency=wanted.concurrency,
        per_job=wanted.per_job,
        apart=wanted.apart,
        steps=[_kept(one, graph, tellings.get(one.job.name, _USUAL)) for one in made.steps],
    )


def _kept(one: Planned, graph: Graph, telling: Telling) -> NewStep:
    key = one.partition
    return NewStep(
        no=one.no,
        orchestrator=one.job.orchestrator,
        job=one.job.name,
        partition=key,
        asked_partition=None if key is None else filled(telling.partition, key),
        conf=filled(telling.conf, key or ""),
        level=one.level,
        writes=_writes(one, graph),
        why=one.why,
        after=one.after,
        seconds=one.job.seconds,
        run=one.run,
        barred=one.barred,
    )


def _writes(one: Planned, graph: Graph) -> Sequence[Write]:
    return [
        Write(key, each.dataset, each.partition, each.status, graph.datasets[key].layout.cut)
        for key, each in zip(one.datasets, one.writes, strict=True)
    ]


def filled(value: Any, partition: str) -> Any:
    """A value in which {partition} is replaced, however deep."""
    if isinstance(value, str):
        return value.replace("{partition}", partition)
    if isinstance(value, Mapping):
        return {name: filled(one, partition) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [filled(one, partition) for one in value]
    return value
