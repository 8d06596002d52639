"""A partition that is due by now is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from msgspec import Struct
from pydantic import Field, model_validator

from hub.model import ChangeKind
from hub.rules.base import (
    DatasetSeen,
    Fact,
    Judgement,
    PartitionSeen,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    kinds,
)
from hub.schedules.periods import (
    Every,
    Part,
    Period,
    families,
    learn_period,
    nearest,
    usual_lag,
)
from hub.schedules.zones import earlier, never_comes, zone_of

#: Incidents of a dataset that are open at most.
MOST_OPEN: Final = 20
#: Partitions that teach how late they usually come, the latest.
_LATEST: Final = 60


class Plan(RuleConfig):
    """Which partitions there should be, and by when."""

    every: Every | None = Field(
        None,
        description="hour, day, week, month, quarter or year; learned from eight keys on if not told",
    )
    format: str | None = Field(
        None,
        description="of the keys, as strptime has it; days, hours and so on are found if not told",
    )
    due_s: float | None = Field(
        None, ge=0, description="seconds after its end; as late as is usual if not told"
    )
    timezone: str = Field("UTC", description="in which partitions begin and end")

    @model_validator(mode="after")
    def _checked(self) -> Plan:
        zone_of(self.timezone)
        if self.format is not None and "%" not in self.format:
            raise ValueError(f"format is {self.format!r}; one such as '%Y-%m-%d' is expected")
        return self


class _Family(Struct, frozen=True):
    """Partitions whose keys differ in their time alone, in rising order."""

    parts: Sequence[Part]
    period: Period
    lag: timedelta | None  # from its end until a partition is due; None: irregular

    @property
    def last(self) -> Part:
        return self.parts[-1]


class _Missing(Struct, frozen=True):
    key: str
    begin: datetime
    due_at: datetime
    family: _Family


@kinds.register("missing_partition")
class MissingPartition:
    """One incident per partition that did not come in time, until it comes.

    What was due before the hub knew the dataset is not judged, nor what may have come unheard, nor
    a dataset whose partitions are irregular.
    """

    Config: ClassVar[type[RuleConfig]] = Plan
    subject: ClassVar = Subject.DATASET
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.BLIND, Fact.PARTITIONS})
    wakes: ClassVar = frozenset({ChangeKind.DATASET_UPDATED})

    def __init__(self, config: Plan) -> None:
        self._config = config
        self._zone = zone_of(config.timezone)

    def judge(self, dataset: DatasetSeen, as_of: datetime) -> Judgement:
        there, known_at = dataset.partitions, dataset.known_at or as_of
        found = [self._family(parts, there) for parts in self._grouped(there, as_of)]
        known = [family for family in found if family is not None]
        absent = [one for family in known for one in self._absent(family, there, as_of)]
        late = (one for one in absent if known_at < one.due_at <= as_of)
        missing = {one.key: one for one in late if not self._unheard(dataset, one)}
        over = list(self._over(dataset, missing, known))
        room = MOST_OPEN - len(dataset.open) + len(over)
        told = (_violated(one) for one in _bounded(missing.values(), dataset.open, room))
        nexts = (one.due_at for one in absent if one.due_at > as_of)
        return Judgement((*over, *told), min(nexts, default=None))

    def _grouped(
        self, there: Mapping[str, PartitionSeen], as_of: datetime
    ) -> Iterator[Sequence[Part]]:
        for parts in families(there, self._config.format):
            near = nearest(parts, as_of.replace(tzinfo=None))
            if near:
                yield near

    def _family(self, parts: Sequence[Part], there: Mapping[str, PartitionSeen]) -> _Family | None:
        every = self._config.every
        period = Period(every) if every else learn_period([part.begin for part in parts])
        if period is None:
            return None
        return _Family(parts, period, self._lag(parts[-_LATEST:], period, there))

    def _lag(
        self, parts: Sequence[Part], period: Period, there: Mapping[str, PartitionSeen]
    ) -> timedelta | None:
        if self._config.due_s is not None:
            return timedelta(seconds=self._config.due_s)
        lags = [
            (there[part.key].first_at - earlier(period.after(part.begin), self._zone))
            for part in parts
        ]
        length = period.after(parts[-1].begin) - parts[-1].begin
        return usual_lag([lag.total_seconds() for lag in lags], length.total_seconds())

    def _absent(
        self, family: _Family, there: Mapping[str, PartitionSeen], as_of: datetime
    ) -> Iterator[_Missing]:
        """Those that are not there; the last is the first that is due later than now."""
        begin, present = family.parts[0].begin, {part.begin for part in family.parts}
        while True:
            if begin not in present and self._exists(family.period, begin):
                due_at = self._due_at(family, begin, there)
                if due_at is None:
                    return
                yield _Missing(family.last.key_of(begin), begin, due_at, family)
                if due_at > as_of:
                    return
            begin = family.period.after(begin)

    def _exists(self, period: Period, begin: datetime) -> bool:
        return period.wanted(begin) and not never_comes(begin, self._zone)

    def _unheard(self, dataset: DatasetSeen, one: _Missing) -> bool:
        """Whether it may have come without anybody having heard of it."""
        end = one.family.period.after(one.begin)
        usual = min(earlier(end, self._zone), one.due_at - (end - one.begin) / 4)
        return any(blind.covers(usual, one.due_at) for blind in dataset.blind)

    def _due_at(
        self, family: _Family, begin: datetime, there: Mapping[str, PartitionSeen]
    ) -> datetime | None:
        """Where partitions come irregularly, it is due a period after a later one came."""
        end = family.period.after(begin)
        if family.lag is not None:
            return earlier(end, self._zone) + family.lag
        later = (there[part.key].first_at for part in family.parts if part.begin > begin)
        first = min(later, default=None)
        return None if first is None else first + (end - begin)

    def _over(
        self, dataset: DatasetSeen, missing: Mapping[str, _Missing], known: Sequence[_Family]
    ) -> Iterator[Verdict]:
        there = dataset.partitions
        for key in sorted(dataset.open - missing.keys()):
            if key in there:
                due_at = self._was_due(key, known, there)
                came_at = there[key].first_at
                in_time = due_at is not None and came_at <= due_at
                late = "in time; it was heard late" if in_time else f"at {_said(came_at)}"
                yield Verdict(Status.OK, key, f"partition {key} came {late}", retracted=in_time)
            elif not any(family.parts[0].key > key for family in known):
                yield Verdict(Status.OK, key, f"partition {key} is not asked for any more")

    def _was_due(
        self, key: str, known: Sequence[_Family], there: Mapping[str, PartitionSeen]
    ) -> datetime | None:
        for family in known:
            for part in family.parts:
                if part.key == key and family.lag is not None:
                    return self._due_at(family, part.begin, there)
        return None


def _bounded(
    missing: Iterable[_Missing], open_keys: frozenset[str], room: int
) -> Iterator[_Missing]:
    """The open ones, and of the others the latest for which there is room."""
    fresh = sorted((one for one in missing if one.key not in open_keys), key=lambda one: one.due_at)
    yield from (one for one in missing if one.key in open_keys)
    yield from fresh[-room:] if room > 0 else ()


def _violated(one: _Missing) -> Verdict:
    family, latest = one.family, one.family.last.key
    evidence = {
        "partition": one.key,
        "dueAt": one.due_at.isoformat(),
        "every": family.period.every,
        "count": family.period.count,
        "latest": latest,
        "lagS": None if family.lag is None else round(family.lag.total_seconds()),
    }
    hole = one.begin < family.last.begin
    rest = f"; later ones are there, up to {latest}" if hole else f"; the latest is {latest}"
    reason = f"partition {one.key} was due by {_said(one.due_at)} and is not there{rest}"
    return Verdict(Status.VIOLATED, one.key, reason, evidence, one.due_at, due_at=one.due_at)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
