"""A run runs and gives no sign of life: it was killed, it hangs, or its end was lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import ClassVar, Final

from msgspec import Struct
from pydantic import Field

from hub.model import FINISHED_STATES, ChangeKind, RunState
from hub.rules.base import (
    Fact,
    JobSeen,
    Judgement,
    RuleConfig,
    RunSeen,
    Signs,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
    said,
    spoken,
)

#: When a run is looked at for the first time; no limit is shorter.
FIRST_LOOK: Final = timedelta(minutes=1)
#: Heartbeats are RUNNING events that come regularly: so many gaps are needed to tell, ...
GAPS: Final = 5
#: ... of which this share are usual, give or take this part of what is, which is so long at least.
REGULAR: Final = 0.8
SPREAD: Final = 0.5
LEAST_S: Final = 5.0
#: So many usual gaps, or so many of the longest one, are silence.
USUAL_GAPS: Final = 5
LONGEST_GAPS: Final = 2
#: Without heartbeats: so many times the duration above which a run counts as too long, ...
OVERRUNS: Final = 3
#: ... and without a baseline this.
DAY_S: Final = 86_400.0
#: When it is looked again where nothing can be heard.
BLIND_FOR: Final = timedelta(minutes=5)
#: The end of a run is often told before the ends of those within it.
ORPHAN_AFTER: Final = timedelta(minutes=1)


class Silence(RuleConfig):
    """How long a run may be silent."""

    silence_s: float | None = Field(
        None,
        ge=60,
        description="seconds; if not told, a multiple of what is usual between heartbeats, without "
        "heartbeats three times what is too long for the job, and a day where that is not known",
    )


class Limit(Struct, frozen=True):
    """How long a run may be silent, and why so long."""

    seconds: float
    why: str
    beat_s: float | None = None


class Stuck(Struct, frozen=True):
    """When a run counts as stuck, and what is said then."""

    at: datetime
    reason: str
    limit: Limit | None = None
    seen_at: datetime | None = None


@kinds.register("stuck")
class StuckRun:
    """One incident per run, until it ends or gives a sign of life, or the job has run again since.

    A sign of life is an event of the run or of a run within it. A run that its orchestrator itself
    calls running lives as long as the orchestrator is asked.
    """

    Config: ClassVar[type[RuleConfig]] = Silence
    subject: ClassVar = Subject.JOB
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.RUNS, Fact.BASELINE, Fact.SIGNS})
    wakes: ClassVar = frozenset(
        {
            ChangeKind.RUN_STARTED,
            ChangeKind.RUN_COMPLETED,
            ChangeKind.RUN_FAILED,
            ChangeKind.RUN_ABORTED,
        }
    )

    def __init__(self, config: Silence) -> None:
        self._silence_s = config.silence_s

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:
        kept = {str(run.id) for run in job.runs}
        verdicts = [*healed(job.open - kept, "the run is no longer kept")]
        beats = _usual(job)
        due: list[datetime] = []
        for run in job.runs:
            if run.state is RunState.RUNNING:
                found, again = self._look(job, run, beats, as_of)
                verdicts += found
                due += again
            elif str(run.id) in job.open and run.state in FINISHED_STATES:
                verdicts.append(_ended(run, self._limit(job, run, beats)))
        return Judgement(tuple(verdicts), min(due, default=None))

    def _look(
        self, job: JobSeen, run: RunSeen, beats: Limit | None, as_of: datetime
    ) -> tuple[list[Verdict], list[datetime]]:
        """What is said of a run that runs, and when it is looked at again."""
        key, limit = str(run.id), self._limit(job, run, beats)
        is_open = key in job.open
        if run.answered and job.watched:
            told = Verdict(Status.OK, key, "its orchestrator says that it runs", retracted=True)
            return ([told] if is_open else []), []
        if any(one.until is None for one in job.blind):
            return [], [as_of + BLIND_FOR]
        stuck = _stuck(job, run, limit)
        if stuck is None:
            return [], []
        if as_of < stuck.at:
            first = (run.started_at or run.sort_at) + FIRST_LOOK
            again = min(stuck.at, first) if as_of < first and self._silence_s is None else stuck.at
            return ([_alive(run, limit)] if is_open else []), [again]
        later = next(_completed_since(job, stuck.at), None)
        if later is not None and not is_open:
            return [], []
        if later is not None:
            said_so = f"run {later.natural_id} has started and completed since"
            return [Verdict(Status.OK, key, said_so)], []
        # A sign of life is no change: nothing but the clock wakes us.
        wait = timedelta(seconds=min(limit.seconds if limit else 600.0, 600.0))
        return [_violated(run, stuck, as_of)], [as_of + wait]

    def _limit(self, job: JobSeen, run: RunSeen, beats: Limit | None) -> Limit | None:
        """None: there is nothing to go by."""
        if self._silence_s is not None:
            return Limit(self._silence_s, "allowed")
        if beats is not None:
            return beats
        if job.endless:
            return None
        if job.baseline is None:
            return Limit(DAY_S, "allowed without heartbeats and history")
        longest = job.baseline.limit(run.nominal_at or run.started_at or run.sort_at)
        return Limit(max(OVERRUNS * longest, 60.0), f"{OVERRUNS} times what is too long for it")


def _usual(job: JobSeen) -> Limit | None:
    """The silence that is too long by the heartbeats of its runs; None: they give none."""
    gaps = [gap for run in job.runs if run.signs is not None for gap in _gaps(job, run, run.signs)]
    if len(gaps) < GAPS:
        return None
    usual = median(gaps)
    regular = sum(abs(gap - usual) <= SPREAD * usual for gap in gaps)
    if usual < LEAST_S or regular < REGULAR * len(gaps):
        return None  # they tell of work, as Spark's do, and stay away where a piece of it is long
    longest = max(USUAL_GAPS * usual, LONGEST_GAPS * max(gaps), FIRST_LOOK.total_seconds())
    return Limit(longest, f"it gives one every {spoken(usual)}", usual)


def _gaps(job: JobSeen, run: RunSeen, signs: Signs) -> list[float]:
    """Between heartbeats, in seconds; not the silence that is told of, which is not usual."""
    gaps = sorted((after - before).total_seconds() for before, after in pairwise(signs.beats))
    return gaps[:-1] if str(run.id) in job.open else gaps


def _stuck(job: JobSeen, run: RunSeen, limit: Limit | None) -> Stuck | None:
    """When the run is stuck if it gives no further sign; None: never."""
    signs, started = run.signs or Signs(), run.started_at or run.sort_at
    seen = max(started, signs.last_at or started)
    parent = signs.parent_ended_at
    if parent is not None and seen <= parent + ORPHAN_AFTER:
        reason = f"run {run.natural_id} still runs, but the run it is part of ended"
        return Stuck(parent + ORPHAN_AFTER, f"{reason} at {said(parent)}", seen_at=seen)
    if limit is None:
        return None
    reason = f"run {run.natural_id} has given no sign of life since {said(seen)}"
    # What was sent while nobody could hear it is lost.
    seen = max([seen, *(one.until for one in job.blind if one.until is not None)])
    return Stuck(seen + timedelta(seconds=limit.seconds), reason, limit, seen)


def _completed_since(job: JobSeen, at: datetime) -> Iterator[RunSeen]:
    return (
        run
        for run in job.runs
        if run.state is RunState.COMPLETED and run.started_at is not None and run.started_at > at
    )


def _violated(run: RunSeen, stuck: Stuck, as_of: datetime) -> Verdict:
    limit, started = stuck.limit, run.started_at or run.sort_at
    more = f", which is longer than {spoken(limit.seconds)} ({limit.why})" if limit else ""
    evidence = {
        "run": run.natural_id,
        "startedAt": started.isoformat(),
        "lastSignAt": stuck.seen_at and stuck.seen_at.isoformat(),
        "silentS": round((as_of - (stuck.seen_at or started)).total_seconds(), 1),
        "limitS": limit and round(limit.seconds, 1),
        "heartbeatS": limit and limit.beat_s,
        "parentEndedAt": run.signs
        and run.signs.parent_ended_at
        and run.signs.parent_ended_at.isoformat(),
        "url": run.url,
    }
    kept = {name: value for name, value in evidence.items() if value is not None}
    return Verdict(Status.VIOLATED, str(run.id), stuck.reason + more, kept, stuck.at)


def _alive(run: RunSeen, limit: Limit | None) -> Verdict:
    """It gives signs again; if none was ever late, they were only heard of late."""
    in_time = limit is not None and _longest_silence(run, run.signs) < limit.seconds
    last = run.signs.last_at if run.signs else None
    word = "in time; it was heard of late" if in_time else "again"
    at = f" at {said(last)}" if last else ""
    reason = f"run {run.natural_id} gave a sign of life{at}, {word}"
    return Verdict(Status.OK, str(run.id), reason, retracted=in_time)


def _ended(run: RunSeen, limit: Limit | None) -> Verdict:
    in_time = (
        limit is not None
        and run.ended_at is not None
        and _longest_silence(run, run.signs, run.ended_at) < limit.seconds
    )
    word = "in time; its end was heard late" if in_time else f"({run.state.lower()})"
    reason = f"run {run.natural_id} ended {word}"
    return Verdict(Status.OK, str(run.id), reason, retracted=in_time)


def _longest_silence(run: RunSeen, signs: Signs | None, *ends: datetime) -> float:
    known = signs or Signs()
    lasts = () if known.last_at is None else (known.last_at,)
    times = sorted([run.started_at or run.sort_at, *known.beats, *lasts, *ends])
    return max(((b - a).total_seconds() for a, b in pairwise(times)), default=0.0)
