"""The run of a slot starts too late: told before it starts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from hub.model import FINISHED_STATES, ChangeKind, Evidence
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
from hub.schedules.slots import Slot


class Start(RuleConfig):
    """By when runs start."""

    after_s: float = Field(ge=0, description="seconds after its slot is due by which a run starts")


@kinds.register("late_start")
class LateStart(SlotRule):
    """One incident per slot whose run has not started by then, be it queued or not there at all."""

    Config: ClassVar[type[RuleConfig]] = Start
    subject: ClassVar = Subject.JOB
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.RUNS, Fact.SCHEDULE, Fact.ROLL_CALL})
    wakes: ClassVar = frozenset({ChangeKind.SCHEDULE_CHANGED, ChangeKind.RUN_STARTED})
    word: ClassVar = "started"

    def __init__(self, config: Start) -> None:
        self.behind = timedelta(seconds=config.after_s)

    def limit_of(self, job: JobSeen, slot: Slot) -> datetime:  # noqa: ARG002  the same for each job
        return slot.due_at + self.behind

    def done_at(self, run: RunSeen) -> datetime | None:
        if run.state in FINISHED_STATES:  # of some only the end is told
            return run.started_at or run.sort_at
        return run.started_at

    def found(self, slot: Slot, run: RunSeen | None) -> tuple[str, Evidence]:
        within = f"within {spoken(self.behind.total_seconds())}"
        evidence: Evidence = {"afterS": self.behind.total_seconds()}
        if run is None:
            return f"no run has started for the slot of {said(slot.due_at)} {within}", evidence
        evidence |= {"run": run.natural_id, "queuedAt": run.sort_at.isoformat(), "url": run.url}
        begun = self.done_at(run)
        state = f"has waited since {said(run.sort_at)}" if begun is None else f"came {said(begun)}"
        reason = f"run {run.natural_id} of the slot of {said(slot.due_at)}"
        return f"{reason} has not started {within}; it {state}", evidence
