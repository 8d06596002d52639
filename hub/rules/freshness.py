"""A dataset is older than it may get."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import ClassVar, Final

from msgspec import Struct
from pydantic import Field, model_validator

from hub.baselines.intervals import late_after
from hub.model import ChangeKind, Evidence
from hub.rules.base import (
    DatasetSeen,
    Fact,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
    spoken,
)
from hub.schedules.cron import crons_of, is_cron
from hub.schedules.deadlines import deadline
from hub.schedules.zones import zone_of

#: When it is looked again while updates can't be heard of.
_BLIND: Final = timedelta(minutes=15)


class Age(RuleConfig):
    """How old a dataset may get: by its age, at the ticks of a cron, or as it is usual."""

    max_lag_s: float | None = Field(
        None, gt=0, description="seconds; what somebody declared for the dataset if not told"
    )
    cron: str | None = Field(
        None, description="at each of its ticks there must be an update since the tick before"
    )
    timezone: str = Field("UTC", description="of the cron")
    lower_bound_s: float | None = Field(
        None, gt=0, description="seconds before each tick in which the update must be"
    )
    partition: str | None = Field(
        None, description="the latest update of these partitions counts; * is any text"
    )
    learned: bool = Field(
        False, description="of datasets for which nobody declared anything: what is usual"
    )

    @model_validator(mode="after")
    def _checked(self) -> Age:
        if sum((self.max_lag_s is not None, self.cron is not None, self.learned)) > 1:
            raise ValueError("max_lag_s, cron and learned exclude each other: keep one of them")
        if self.lower_bound_s is not None and self.cron is None:
            raise ValueError("lower_bound_s belongs to a cron: give one, or max_lag_s instead")
        if self.learned and self.partition is not None:
            raise ValueError("learned looks at whole datasets: leave partition out")
        if self.cron is not None and not (
            crons_of(self.cron) and all(map(is_cron, crons_of(self.cron)))
        ):
            raise ValueError(f"cron is {self.cron!r}; five fields such as '0 8 * * *' are expected")
        zone_of(self.timezone)
        return self


class _Term(Struct, frozen=True):
    """When an update gets too old, why, and from when on the next one would have been expected."""

    over_at: datetime
    from_at: datetime
    asked: str
    evidence: Evidence


@kinds.register("freshness")
class Freshness:
    """One incident from the breach until the dataset is updated; none where nothing is declared.

    Its key is the update after which none came in time. One that was in time and heard of late
    retracts it. Where an update may have come unheard, it is as if one had.
    """

    Config: ClassVar[type[RuleConfig]] = Age
    subject: ClassVar = Subject.DATASET
    absence: ClassVar = True
    wakes: ClassVar = frozenset({ChangeKind.DATASET_UPDATED, ChangeKind.FRESHNESS_POLICY_CHANGED})

    def __init__(self, config: Age) -> None:
        self._config = config

    @property
    def needs(self) -> frozenset[Fact]:
        if self._config.learned:
            return frozenset({Fact.BLIND, Fact.INTERVALS})
        return frozenset({Fact.BLIND, *([Fact.PARTITIONS] if self._config.partition else ())})

    def judge(self, dataset: DatasetSeen, as_of: datetime) -> Judgement:
        updated_at = self._updated_at(dataset)
        # What was never updated is as old as our knowledge of it.
        at = updated_at or dataset.known_at
        term = None if at is None else self._term(dataset, at)
        if at is None or term is None:
            return Judgement(healed(dataset.open, "nobody asks for a freshness any more"))
        over_at = self._known_over(dataset, term) or as_of + _BLIND
        if as_of < over_at:
            return Judgement(tuple(self._over(dataset, dataset.open, at)), over_at)
        key = at.isoformat()
        word = "was last updated" if updated_at else "was never updated; known since"
        reason = f"{self._what} {word} {_said(at)}{term.asked}"
        evidence = {"lastUpdateAt": updated_at and key, **term.evidence}
        bad = Verdict(Status.VIOLATED, key, reason.lstrip(), evidence, term.over_at)
        return Judgement((*self._over(dataset, dataset.open - {key}, at), bad))

    @property
    def _what(self) -> str:
        return f"partition {self._config.partition}" if self._config.partition else ""

    def _updated_at(self, dataset: DatasetSeen) -> datetime | None:
        glob = self._config.partition
        if glob is None:
            return dataset.last_update_at
        mine = (p.last_at for key, p in dataset.partitions.items() if fnmatchcase(key, glob))
        return max(mine, default=None)

    def _known_over(self, dataset: DatasetSeen, term: _Term) -> datetime | None:
        """When it is certain that it is too old; None: not while an update can't be heard of."""
        for blind in dataset.blind:
            if blind.covers(term.from_at, term.over_at):
                later = None if blind.until is None else self._term(dataset, blind.until)
                if later is None:
                    return None
                term = later
        return term.over_at

    def _over(self, dataset: DatasetSeen, keys: frozenset[str], at: datetime) -> Iterator[Verdict]:
        """Those of earlier updates, which had another after them by now."""
        for key in sorted(keys):
            before = datetime.fromisoformat(key)
            term = self._term(dataset, before)
            in_time = term is not None and before < at <= term.over_at
            word = ", which was in time; it was heard of late" if in_time else ""
            told = f"updated at {_said(at)}{word}" if before < at else "it may be older now"
            yield Verdict(Status.OK, key, told, retracted=in_time)

    def _term(self, dataset: DatasetSeen, at: datetime) -> _Term | None:
        """For what was updated at that time; None: nobody asks for anything."""
        own = self._config
        if own.learned:
            return _usual(dataset, at)
        if own.cron is not None:
            return _by_cron(own.cron, own.timezone, own.lower_bound_s, at)
        if own.max_lag_s is None and dataset.cron is not None:
            return _by_cron(dataset.cron, dataset.timezone, dataset.max_lag_s or None, at)
        allowed_s = own.max_lag_s or dataset.max_lag_s
        if not allowed_s:
            return None
        asked = f", which is more than {spoken(allowed_s)} ago"
        allowed = timedelta(seconds=allowed_s)
        return _Term(at + allowed, at + allowed / 2, asked, {"maxLagS": allowed_s})


def _by_cron(cron: str, timezone: str, bound_s: float | None, at: datetime) -> _Term | None:
    bound = None if bound_s is None else timedelta(seconds=bound_s)
    over_at = deadline(cron, timezone, at, bound)
    if over_at is None:
        return None
    local = over_at.astimezone(zone_of(timezone))
    since = "since the one before" if bound_s is None else f"in the {spoken(bound_s)} before"
    asked = f"; by the deadline of {local:%Y-%m-%d %H:%M} {timezone} an update {since} is asked for"
    told = {
        "deadline": over_at.isoformat(),
        "cron": cron,
        "timezone": timezone,
        "lowerBoundS": bound_s,
    }
    return _Term(over_at, at if bound is None else over_at - bound, asked, told)


def _usual(dataset: DatasetSeen, at: datetime) -> _Term | None:
    declared = dataset.max_lag_s is not None or dataset.cron is not None
    if declared or dataset.intervals is None or dataset.last_update_at is None or dataset.paused:
        return None
    late = late_after(dataset.intervals, at)
    if late is None:
        return None
    asked = f"; the next update usually comes {spoken(late.expected_s)} later, and within"
    told = {
        "expectedS": round(late.expected_s),
        "limitS": round(late.late_s),
        "samples": dataset.intervals.samples,
    }
    over_at = at + timedelta(seconds=late.late_s)
    from_at = at + timedelta(seconds=late.expected_s) / 2
    return _Term(over_at, from_at, f"{asked} {spoken(late.late_s)}", told)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
