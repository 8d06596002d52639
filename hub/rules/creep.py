"""The runs of a job take longer and longer, or a step longer, which no single run gives away."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import ClassVar, Final

from pydantic import Field

from hub.baselines.creep import Creep, find_creep
from hub.model import ChangeKind, RunState
from hub.rules.base import (
    Fact,
    History,
    JobSeen,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
    spoken,
)

#: A day is one value, however many runs it has: there is no use in looking more often.
EVERY: Final = timedelta(hours=20)
#: When it is tried again where many jobs are looked at just now.
LATER: Final = timedelta(minutes=10)


class Growth(RuleConfig):
    """How much slower is told."""

    ratio: float = Field(
        1.1, gt=1, description="of today's level per the level before: only more is told"
    )


@kinds.register("creep")
class Slowing:
    """One incident while the level of a job's durations is raised.

    A new version of the job and a person who calls it the new normal begin anew. It takes 24 days
    with runs to find anything; a slow day is none.
    """

    Config: ClassVar[type[RuleConfig]] = Growth
    subject: ClassVar = Subject.JOB
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.RUNS, Fact.HISTORY})
    wakes: ClassVar = frozenset({ChangeKind.RUN_COMPLETED})

    def __init__(self, config: Growth) -> None:
        self._ratio = config.ratio

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:
        completed = (run.ended_at for run in job.runs if run.state is RunState.COMPLETED)
        last = max((at for at in completed if at is not None), default=None)
        if job.waited_for is not None and as_of < job.waited_for:
            return Judgement((), job.waited_for)
        if last is None or last + EVERY <= as_of:
            return Judgement()
        history = job.history()
        if history is None:
            return Judgement((), as_of + LATER)
        return Judgement(self._verdicts(job, history), last + EVERY)

    def _verdicts(self, job: JobSeen, history: History) -> tuple[Verdict, ...]:
        found = find_creep(
            history.samples,
            zone=history.zone,
            since_reset=history.since_reset,
            known=bool(job.open),
        )
        if found is None or (found.ratio < self._ratio and not job.open):
            return healed(job.open, _over(history))
        return (_violated(job, found, history),)


def _over(history: History) -> str:
    if history.since_reset is not None:
        return f"what is normal is learned anew since {history.since_reset:%Y-%m-%d}"
    return "its runs take no longer than they used to"


def _violated(job: JobSeen, found: Creep, history: History) -> Verdict:
    since = datetime.combine(found.since, time(), history.zone).astimezone(UTC)
    latest = max(history.samples)
    evidence = {
        "ratio": round(found.ratio, 3),
        "growthPerRun": round(found.slope, 5),
        "runs": found.runs,
        "doublesInDays": found.doubles_in and round(found.doubles_in / timedelta(days=1), 1),
        "p": float(f"{found.p:.2g}"),
        "since": found.since.isoformat(),
        "tookS": round(latest.value, 1),
        "samples": len(history.samples),
    }
    reason = f"its runs take longer: {found.sentence}; the latest took {spoken(latest.value)}"
    key = min(job.open, default=found.since.isoformat())
    return Verdict(Status.VIOLATED, key, reason, evidence, since)
