"""A run completed much sooner than usual, which often means that it did nothing."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile
from math import log
from typing import ClassVar, Final

from pydantic import Field

from hub.baselines.baseline import Normality
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
    took_s,
)
from hub.schedules.origins import is_by_hand

#: So many times as far below what is usual as the shortest run that was learned from.
BEYOND: Final = 1.25


class Shortness(RuleConfig):
    """How short a run may be."""

    least_s: float | None = Field(
        None, gt=0, description="seconds; if not told, what is normal for the job, and `ratio`"
    )
    ratio: float = Field(
        0.33, gt=0, lt=1, description="of the usual duration: only what is shorter too is told"
    )


@kinds.register("too_fast")
class TooFast:
    """One incident from the first run that is too short until one is not.

    By the baseline it says nothing of a job whose runs are over in a minute.
    """

    Config: ClassVar[type[RuleConfig]] = Shortness
    subject: ClassVar = Subject.JOB
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.RUNS, Fact.BASELINE})
    wakes: ClassVar = frozenset({ChangeKind.RUN_COMPLETED})

    def __init__(self, config: Shortness) -> None:
        self._least_s, self._ratio = config.least_s, config.ratio

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:  # noqa: ARG002  not about absence
        completed = [run for run in job.runs if _counts(run)]
        if not completed or (self._least_s is None and job.baseline is None):
            return Judgement()
        short = list(takewhile(lambda run: self._is_short(job, run), completed))
        if not short:
            latest = completed[0]
            took = spoken(took_s(latest) or 0.0)
            return Judgement(healed(job.open, f"run {latest.natural_id} took {took}"))
        key = min(job.open, default=str(short[-1].id))
        return Judgement((self._violated(job, key, short),))

    def _is_short(self, job: JobSeen, run: RunSeen) -> bool:
        took = took_s(run) or 0.0
        if self._least_s is not None:
            return took < self._least_s
        assert job.baseline is not None
        found = job.baseline.judge(took, _at(run))
        low = found.verdict is Normality.LOW and found.ratio < self._ratio
        # What varies much is short now and then: it must be shorter than it ever was for its day.
        return low and log(found.ratio) < BEYOND * job.baseline.quantiles[0]

    def _violated(self, job: JobSeen, key: str, short: list[RunSeen]) -> Verdict:
        last, first = short[0], short[-1]
        took = took_s(last) or 0.0
        evidence: Evidence = {
            "run": last.natural_id,
            "tookS": round(took, 1),
            "inARow": len(short),
            "url": last.url,
        }
        if self._least_s is not None or job.baseline is None:
            evidence["leastS"] = self._least_s
            than = f"at least {spoken(self._least_s or 0.0)} were expected"
        else:
            found = job.baseline.judge(took, _at(last))
            evidence |= {
                "expectedS": round(found.expected, 1),
                "leastS": round(found.low, 1),
                "samples": found.samples,
            }
            than = f"{spoken(found.expected)} is usual on {found.bucket}"
        times = "" if len(short) == 1 else f", the last of {len(short)} in a row"
        reason = f"run {last.natural_id} completed after {spoken(took)}{times}; {than}"
        return Verdict(Status.VIOLATED, key, reason, evidence, first.ended_at)


def _counts(run: RunSeen) -> bool:
    return (
        run.state is RunState.COMPLETED
        and took_s(run) is not None
        and not is_by_hand(run.natural_id, run.backfill)
    )


def _at(run: RunSeen) -> datetime:
    return run.nominal_at or run.started_at or run.sort_at
