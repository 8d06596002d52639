"""A job runs more often than it should."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import ClassVar, Final, Self

from msgspec import Struct
from pydantic import Field, model_validator

from hub.model import ChangeKind
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
    said,
    spoken,
)
from hub.schedules.demand import AHEAD, gap_at
from hub.schedules.origins import is_by_hand
from hub.schedules.spans import expected

#: So many slots make a window where none is told, and so many runs more than that are too many.
SLOTS: Final = 6
MORE: Final = 3
#: Without a schedule: so many of the latest runs are compared with the gaps of those before, ...
LATEST: Final = 6
#: ... at least so many, and came so many times as fast as any of those.
GAPS: Final = 8
FASTER: Final = 4
#: Rules see so many runs of a job, and one more tells that there were too many.
MOST: Final = 19


class Frequency(RuleConfig):
    """How often a job may run."""

    max_runs: int | None = Field(None, ge=1, le=MOST, description="runs that are not too many")
    within_s: float | None = Field(None, gt=0, description="seconds in which they are counted")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.max_runs is None) != (self.within_s is None):
            raise ValueError("tell both max_runs and within_s, or neither")
        return self


class Allowed(Struct, frozen=True):
    """So many runs within so long, and why."""

    runs: int
    within: timedelta
    why: str


@kinds.register("too_often")
class TooOften:
    """One incident while more runs start within a time than should.

    Retries are attempts of one run; backfills and what people start does not count.
    """

    Config: ClassVar[type[RuleConfig]] = Frequency
    subject: ClassVar = Subject.JOB
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.RUNS, Fact.SCHEDULE})
    wakes: ClassVar = frozenset({ChangeKind.RUN_STARTED})

    def __init__(self, config: Frequency) -> None:
        self._config = config

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:
        starts = sorted(
            run.started_at or run.sort_at
            for run in job.runs
            if _counts(run) and (run.started_at or run.sort_at) <= as_of
        )
        allowed = self._allowed(job, starts, as_of)
        if allowed is None:
            return Judgement(healed(job.open, "nobody says how often it may run"))
        inside = [at for at in starts if at > as_of - allowed.within]
        if len(inside) <= allowed.runs:
            reason = f"{len(inside)} runs within {spoken(allowed.within.total_seconds())}"
            return Judgement(healed(job.open, reason))
        # Enough of them lie behind as soon as the one is that must.
        over_at = inside[-allowed.runs - 1] + allowed.within
        return Judgement((_violated(job, allowed, inside),), over_at)

    def _allowed(self, job: JobSeen, starts: Sequence[datetime], as_of: datetime) -> Allowed | None:
        most, within_s = self._config.max_runs, self._config.within_s
        if most is not None and within_s is not None:
            return Allowed(most, timedelta(seconds=within_s), f"{most} are allowed")
        gap = gap_at(job.spans, as_of)
        if gap < AHEAD:
            within = SLOTS * gap
            slots = len(expected(job.spans, as_of - within, as_of))
            return Allowed(min(max(slots, SLOTS) + MORE, MOST), within, f"{slots} were due")
        return None if job.spans else _usual(starts)


def _usual(starts: Sequence[datetime]) -> Allowed | None:
    """By the runs before the latest: never did so many come as close together."""
    gaps = [
        (after - at).total_seconds() for at, after in pairwise(starts[: len(starts) - LATEST + 1])
    ]
    if len(gaps) < GAPS or min(gaps) <= 0:
        return None
    usual = median(gaps)
    within = timedelta(seconds=min(*gaps, usual / FASTER) * (LATEST - 1))
    return Allowed(LATEST - 1, within, f"one came every {spoken(usual)}")


def _counts(run: RunSeen) -> bool:
    return not is_by_hand(run.natural_id, run.backfill)


def _violated(job: JobSeen, allowed: Allowed, inside: Sequence[datetime]) -> Verdict:
    within_s = allowed.within.total_seconds()
    evidence = {
        "runs": len(inside),
        "maxRuns": allowed.runs,
        "withinS": within_s,
        "firstAt": inside[0].isoformat(),
        "lastAt": inside[-1].isoformat(),
    }
    since = inside[allowed.runs]
    reason = (
        f"more than {allowed.runs} runs have started within {spoken(within_s)} "
        f"since {said(inside[0])}; {allowed.why}"
    )
    return Verdict(
        Status.VIOLATED, min(job.open, default=since.isoformat()), reason, evidence, since
    )
