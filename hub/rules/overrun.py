"""A run takes longer than it should: told while it still runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from hub.model import ChangeKind, Evidence, RunState
from hub.rules.base import (
    Fact,
    JobSeen,
    Judgement,
    RuleConfig,
    RunSeen,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
    spoken,
)
from hub.schedules.origins import is_by_hand


class Length(RuleConfig):
    """How long a run may take."""

    limit_s: float | None = Field(
        None, gt=0, description="seconds; what is normal for the job if not told"
    )


@kinds.register("overrun")
class Overrun:
    """One incident per run that is too long, until it ends; every run that is open is timed.

    Without a limit of its own it goes by the job's baseline, and says nothing of a job that has
    had too few runs to have one. A run that was told of is measured by what was normal then: a
    baseline that is learned anew meanwhile takes nothing back.
    """

    Config: ClassVar[type[RuleConfig]] = Length
    subject: ClassVar = Subject.JOB
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.RUNS, Fact.BASELINE})
    wakes: ClassVar = frozenset(
        {
            ChangeKind.RUN_STARTED,
            ChangeKind.RUN_COMPLETED,
            ChangeKind.RUN_FAILED,
            ChangeKind.RUN_ABORTED,
        }
    )

    def __init__(self, config: Length) -> None:
        self._limit_s = config.limit_s

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:
        kept = {str(run.id) for run in job.runs}
        verdicts = [*healed(job.open - kept, "the run is no longer kept")]
        due: list[datetime] = []
        for run in job.runs:
            if str(run.id) in job.open and run.ended_at is not None:
                verdicts.append(_ended(run, self._limit_of(job, run)))
            elif run.state is RunState.RUNNING and run.started_at is not None:
                limit_s = self._limit_of(job, run)
                if limit_s is None:
                    continue
                over_at = run.started_at + timedelta(seconds=limit_s)
                if as_of < over_at and str(run.id) not in job.told:
                    due.append(over_at)
                else:
                    verdicts.append(self._violated(job, run, run.started_at, over_at, limit_s))
        return Judgement(tuple(verdicts), min(due, default=None))

    def _limit_of(self, job: JobSeen, run: RunSeen) -> float | None:
        told = job.told.get(str(run.id))
        if self._limit_s is not None:
            return self._limit_s
        if told is not None and run.started_at is not None:
            return (told - run.started_at).total_seconds()
        if job.baseline is None or _is_apart(job, run):
            return None
        return job.baseline.limit(run.nominal_at or run.started_at or run.sort_at)

    def _violated(
        self, job: JobSeen, run: RunSeen, started: datetime, over_at: datetime, limit_s: float
    ) -> Verdict:
        told = self._evidence(job, run, started, limit_s)
        usual = f"; {spoken(told['expectedS'])} is usual" if "expectedS" in told else ""
        return Verdict(
            Status.VIOLATED,
            str(run.id),
            f"run {run.natural_id} still runs after {spoken(limit_s)}{usual}",
            told,
            over_at,
        )

    def _evidence(self, job: JobSeen, run: RunSeen, started: datetime, limit_s: float) -> Evidence:
        told: Evidence = {
            "run": run.natural_id,
            "startedAt": started.isoformat(),
            "limitS": round(limit_s, 1),
            "url": run.url,
        }
        if self._limit_s is None and job.baseline is not None:
            told["expectedS"] = round(job.baseline.expected(run.nominal_at or started), 1)
            told["samples"] = job.baseline.samples
        return told


def _is_apart(job: JobSeen, run: RunSeen) -> bool:
    """Whether the baseline does not speak of it: it is of runs of the clock, if there are any."""
    return is_by_hand(run.natural_id, run.backfill) and not all(
        is_by_hand(one.natural_id, one.backfill) for one in job.runs
    )


def _ended(run: RunSeen, limit_s: float | None) -> Verdict:
    """The run is over. One whose late answer shows that it ended in time was never too long."""
    took_s = (
        (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0.0
    )
    in_time = limit_s is not None and took_s < limit_s
    word = "in time; its end was heard late" if in_time else f"after {spoken(took_s)}"
    return Verdict(
        Status.OK,
        str(run.id),
        f"run {run.natural_id} ended {word}",
        {"run": run.natural_id, "tookS": round(took_s, 1)},
        retracted=in_time,
    )
