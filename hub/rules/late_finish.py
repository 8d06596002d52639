"""The run of a slot is not done in time (an SLA), whether it runs, failed, or never came."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from hub.model import ChangeKind, Evidence, RunState
from hub.rules.base import (
    Fact,
    JobSeen,
    RuleConfig,
    RunSeen,
    Subject,
    kinds,
    said,
    spoken,
)
from hub.rules.slot_rule import SlotRule
from hub.schedules.demand import span_at
from hub.schedules.slots import Slot
from hub.schedules.zones import earlier, wall_of, zone_of

_DAY = timedelta(days=1)


def _is_zone(name: str) -> str:
    zone_of(name)
    return name


class Deadline(RuleConfig):
    """By when runs are done."""

    within_s: float | None = Field(None, gt=0, description="seconds after the slot is due")
    by: time | None = Field(None, description="a time of day, such as 06:30")
    day_offset: int = Field(
        0, ge=0, le=31, description="days after the slot's own day on which `by` is meant"
    )
    timezone: Annotated[str, AfterValidator(_is_zone)] | None = Field(
        None, description="of `by`; that of the job's schedule if not told"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.within_s is None) == (self.by is None):
            raise ValueError("tell either within_s or by")
        if self.by is not None and self.by.tzinfo is not None:
            raise ValueError("by is a time of day without an offset; tell the zone in timezone")
        return self


@kinds.register("late_finish")
class LateFinish(SlotRule):
    """One incident per slot whose run has not completed by its deadline.

    `by` is meant on the day of the slot in the time zone, or if that is before the slot, on the
    next one.
    """

    Config: ClassVar[type[RuleConfig]] = Deadline
    subject: ClassVar = Subject.JOB
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.RUNS, Fact.SCHEDULE, Fact.ROLL_CALL})
    wakes: ClassVar = frozenset(
        {ChangeKind.SCHEDULE_CHANGED, ChangeKind.RUN_COMPLETED, ChangeKind.RUN_FAILED}
    )
    word: ClassVar = "completed"

    def __init__(self, config: Deadline) -> None:
        self._config = config
        within = config.within_s
        self.behind = (
            (config.day_offset + 2) * _DAY if within is None else timedelta(seconds=within)
        )

    def limit_of(self, job: JobSeen, slot: Slot) -> datetime:
        if self._config.by is None:
            return slot.due_at + self.behind
        span = span_at(job.spans, slot.due_at)
        zone = zone_of(self._config.timezone or (span.schedule.timezone if span else "UTC"))
        day = wall_of(slot.due_at, zone).date() + self._config.day_offset * _DAY
        limit = earlier(datetime.combine(day, self._config.by), zone)
        if limit <= slot.due_at:
            limit = earlier(datetime.combine(day + _DAY, self._config.by), zone)
        return limit

    def done_at(self, run: RunSeen) -> datetime | None:
        return run.ended_at if run.state is RunState.COMPLETED else None

    def found(self, slot: Slot, run: RunSeen | None) -> tuple[str, Evidence]:
        what = f"the slot of {said(slot.due_at)} is not done in time"
        if run is None:
            return f"{what}: no run came for it", {}
        evidence: Evidence = {
            "run": run.natural_id,
            "state": run.state,
            "startedAt": run.started_at and run.started_at.isoformat(),
            "url": run.url,
        }
        return f"{what}: run {run.natural_id} {_does(run)}", evidence


def _does(run: RunSeen) -> str:
    """What a run does, as of what is known."""
    match run.state:
        case RunState.NEW:
            return f"has waited since {said(run.sort_at)}"
        case RunState.RUNNING:
            return f"still runs since {said(run.started_at or run.sort_at)}"
        case RunState.COMPLETED if run.ended_at is not None and run.started_at is not None:
            took = spoken((run.ended_at - run.started_at).total_seconds())
            return f"completed {said(run.ended_at)} after {took}"
        case _:
            at = f" at {said(run.ended_at)}" if run.ended_at else ""
            return f"has {'failed' if run.state is RunState.FAILED else 'ended'}{at}"
