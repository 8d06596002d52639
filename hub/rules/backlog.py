"""More work waits in a queue or pool than should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import ClassVar, Final

from pydantic import Field

from hub.model import ChangeKind, Evidence
from hub.rules.base import (
    STALE,
    Fact,
    Judgement,
    OrchestratorSeen,
    Queue,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    Waiting,
    kinds,
    spoken,
)

#: Samples in a row that must be over the limit, at least.
IN_A_ROW: Final = 3
#: Times what is usual, and so many more at least.
RATIO: Final = 2.0
MARGIN: Final = 10
#: What waited so many days ago at this time is usual, too: some work comes once a week.
WEEK: Final = 7


class Limits(RuleConfig):
    """How much work may wait."""

    pool: str = Field("*", description="the queues or pools that are judged; * is any text")
    max_queued: int | None = Field(
        None, ge=0, description="work that may wait; twice what is usual for the pool if not told"
    )
    max_wait_s: float | None = Field(
        None, gt=0, description="seconds the oldest may wait; any if not told"
    )


@kinds.register("backlog")
class Backlog:
    """One incident per pool, from the third sample in a row over the limit to the first under it.

    Usual is what waits at this time of day on most days, so that a night's work is no surprise, and
    what went wrong on one day is not usual on the next. Of the first day nothing can be said.
    """

    Config: ClassVar[type[RuleConfig]] = Limits
    subject: ClassVar = Subject.ORCHESTRATOR
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.BACKLOG})
    wakes: ClassVar = frozenset[ChangeKind]()

    def __init__(self, config: Limits) -> None:
        self._config = config

    def judge(self, seen: OrchestratorSeen, as_of: datetime) -> Judgement:
        verdicts = [
            verdict
            for pool, queue in seen.backlog.items()
            if fnmatchcase(pool, self._config.pool)
            for verdict in self._judged(seen, pool, queue, as_of)
        ]
        return Judgement(tuple(verdicts))

    def _judged(
        self, seen: OrchestratorSeen, pool: str, queue: Queue, as_of: datetime
    ) -> Iterator[Verdict]:
        samples, latest = queue.samples, queue.samples[-1]
        if as_of - latest.at > STALE:
            return
        usual = _usual(queue.peaks)
        limit = self._config.max_queued if self._config.max_queued is not None else _limit(usual)
        over = [self._is_over(sample, limit) for sample in samples[-IN_A_ROW:]]
        if pool in seen.open and not over[-1]:
            yield Verdict(Status.OK, pool, f"{pool or 'its queue'}: {latest.queued} wait")
        elif pool in seen.open or (len(over) == IN_A_ROW and all(over)):
            begun = _begun(samples, [self._is_over(sample, limit) for sample in samples])
            yield _violated(pool, latest, limit, usual, _growth(samples), begun)

    def _is_over(self, sample: Waiting, limit: float | None) -> bool:
        longest, wait = self._config.max_wait_s, sample.oldest_wait_s
        too_many = limit is not None and sample.queued > limit
        return too_many or (longest is not None and wait is not None and wait > longest)


def _usual(peaks: Sequence[int]) -> int | None:
    """The middle of the days before; what was so a week ago counts too."""
    if not peaks:
        return None
    middle = sorted(peaks)[len(peaks) // 2]
    return max(middle, peaks[WEEK - 1]) if len(peaks) >= WEEK else middle


def _limit(usual: int | None) -> float | None:
    return None if usual is None else max(RATIO * usual, usual + MARGIN)


def _growth(samples: Sequence[Waiting]) -> float | None:
    """Work per minute by which the queue has grown, over the last samples."""
    recent = samples[-2 * IN_A_ROW :]
    minutes = (recent[-1].at - recent[0].at).total_seconds() / 60
    return (recent[-1].queued - recent[0].queued) / minutes if minutes > 0 else None


def _begun(samples: Sequence[Waiting], over: Sequence[bool]) -> datetime:
    begun = samples[-1].at
    for sample, is_over in zip(reversed(samples), reversed(over), strict=True):
        if not is_over:
            break
        begun = sample.at
    return begun


def _violated(
    pool: str,
    latest: Waiting,
    limit: float | None,
    usual: int | None,
    growth: float | None,
    begun: datetime,
) -> Verdict:
    told = [f"{pool or 'its queue'}: work waits"]
    if limit is not None:
        told.append(f"more than {limit:.0f} pieces")
    if usual is not None:
        told.append(f"{usual} are usual at most")
    evidence: Evidence = {
        "pool": pool,
        "queued": latest.queued,
        "running": latest.running,
        "capacity": latest.capacity,
        "oldestWaitS": latest.oldest_wait_s,
        "limit": limit,
        "usual": usual,
        "growthPerMinute": None if growth is None else round(growth, 2),
        "text": _spoken(latest, growth),
    }
    return Verdict(Status.VIOLATED, pool, ", ".join(told), evidence, begun)


def _spoken(latest: Waiting, growth: float | None) -> str:
    told = [f"{latest.queued} queued"]
    if latest.running is not None:
        slots = "" if latest.capacity is None else f" of {latest.capacity}"
        told.append(f"{latest.running}{slots} running")
    if latest.oldest_wait_s is not None:
        told.append(f"the oldest waits {spoken(latest.oldest_wait_s)}")
    if growth:
        told.append(f"{'grows' if growth > 0 else 'shrinks'} by {abs(growth):.1f} a minute")
    return "; ".join(told)
