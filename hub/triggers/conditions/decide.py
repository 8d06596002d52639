"""Whether a condition launches now. Pure.

Every update that counts and passes its gate is used up by the launch that it is there for, whether
it was needed or not: several of one dataset, and those that an `any` could do without, coalesce into
that launch. What a gate holds back stays, and counts for a launch to come; what came after the tick
of a cron counts for the next.

With `cron` a condition is judged as of the latest tick, once for each tick, however late that is.
With `by` and `at most` it launches with what is there, if anything is, at that time after the first
update that a launch may use, or after the last launch if that was later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from hub.model import EntityName
from hub.rules.base import spoken
from hub.triggers.conditions.clocks import next_time, ticks_around
from hub.triggers.conditions.matching import why_not
from hub.triggers.conditions.seen import Arrival, Decision, Facts, Ignored, Past, Wait
from hub.triggers.conditions.standing import Asked, Soil, Stem, Twig, grown, present, twigs, usable
from hub.triggers.conditions.tree import Condition
from hub.triggers.conditions.waits import missing, of_time, there_of, waits
from hub.triggers.conditions.wording import dataset_text


def decide(
    condition: Condition, arrivals: Sequence[Arrival], past: Past, facts: Facts, now: datetime
) -> Decision:
    """arrivals: those heard of and not used up or ignored yet, in any order; twice is once."""
    look = _Look(condition, _by_dataset(arrivals), past, Asked(facts), now)
    return look.of_ticks() if condition.cron is not None else look.of_updates()


class _Deadline(Struct, frozen=True):
    at: datetime
    words: str


class _Look(Struct, frozen=True):
    """Everything that one decision is about."""

    condition: Condition
    arrivals: Mapping[EntityName, Sequence[Arrival]]
    past: Past
    asked: Asked
    now: datetime

    # -- without a cron -----------------------------------------------------------------------

    def of_updates(self) -> Decision:
        stem = self._grown(self.now)
        used, some = usable(twigs(stem)), present(twigs(stem))
        holds, quiet = stem.holds, self._quiet_at(used)
        deadline = self._deadline(some)
        if holds and (quiet is None or quiet <= self.now):
            return self._launch(stem, used, "")
        if deadline is not None and deadline.at <= self.now:
            return self._launch(stem, some, _note(stem, deadline, holds=holds))
        since = self._since(some)
        told = waits(stem, since) if not holds else []
        if holds and quiet is not None:
            text = f"waiting until no update has come for {spoken(self.condition.debounce_s or 0)}"
            told = [of_time(text, quiet, since)]
        if deadline is not None:
            text = f"launching with what is there {deadline.words}"
            told.append(of_time(text, deadline.at, since))
        times = [quiet] if holds else []
        return self._wait(stem, told, [*times, deadline.at if deadline else None])

    def _quiet_at(self, used: Sequence[Arrival]) -> datetime | None:
        if self.condition.debounce_s is None or not used:
            return None
        return used[-1].at + timedelta(seconds=self.condition.debounce_s)

    def _since(self, used: Sequence[Arrival]) -> datetime | None:
        """When the waiting began."""
        if not used:
            return None
        last = self.past.last_launch_at
        return used[0].at if last is None else max(used[0].at, last)

    def _deadline(self, used: Sequence[Arrival]) -> _Deadline | None:
        """The first after which it launches with what is there."""
        since = self._since(used)
        if since is None:
            return None
        by, at_most = self.condition.by, self.condition.at_most_s
        found = []
        if by is not None:
            found.append(_Deadline(next_time(by, since), f"by {by.at} {by.timezone}"))
        if at_most is not None:
            words = f"{spoken(at_most)} after the first update"
            found.append(_Deadline(since + timedelta(seconds=at_most), words))
        return min(found, key=lambda one: one.at, default=None)

    # -- with a cron --------------------------------------------------------------------------

    def of_ticks(self) -> Decision:
        tick, following = self._ticks()
        last = self.past.last_launch_at
        if tick is not None and (last is None or last < tick):
            stem = self._grown(tick)
            if stem.holds:
                return self._launch(stem, usable(twigs(stem)), "")
        return self._await_tick(following)

    def _ticks(self) -> tuple[datetime | None, datetime | None]:
        assert self.condition.cron is not None
        return ticks_around(self.condition.cron, self.now)

    def _await_tick(self, tick: datetime | None) -> Decision:
        if tick is None:
            never = Wait("waiting for a time that never comes (cron)")
            return self._wait(self._grown(self.now), [never], [])
        stem = self._grown(tick)
        since = self._since(present(twigs(stem)))
        if stem.holds:
            told = [of_time("waiting for the time to launch", tick, since)]
            return self._wait(stem, told, [tick])
        return self._wait(stem, waits(stem, since), [])

    # -- both ---------------------------------------------------------------------------------

    def _grown(self, as_of: datetime) -> Stem:
        """With a cron, what came after the tick counts for the next."""
        until = None if self.condition.cron is None else as_of
        return grown(self.condition.when, Soil(self.arrivals, self.asked, as_of, until))

    def _launch(self, stem: Stem, used: Sequence[Arrival], note: str) -> Decision:
        consumed = frozenset(arrival.update_id for arrival in used)
        needed = _latest(_needed(stem) if stem.holds else twigs(stem))
        rest = _without(self.arrivals, consumed)
        left = replace(self, arrivals=rest, past=Past(self.now))
        after = left.of_ticks() if self.condition.cron is not None else left.of_updates()
        return Decision(
            satisfied=True,
            consumed=tuple(sorted(consumed)),
            coalesced=tuple(sorted(consumed - needed)),
            ignored=after.ignored,
            again_at=after.again_at,
            note=note,
        )

    def _wait(self, stem: Stem, told: Sequence[Wait], times: Iterable[datetime | None]) -> Decision:
        instants = [*times, *self.asked.again(), *self._lapses(stem)]
        later = [at for at in instants if at is not None and at > self.now]
        return Decision(
            satisfied=False,
            ignored=tuple(self._ignored(stem)),
            waiting_for=tuple(told),
            again_at=min(later, default=None),
        )

    @property
    def _as_of(self) -> datetime:
        """What is too old then is so for ever."""
        tick = None if self.condition.cron is None else self._ticks()[0]
        return self.now if tick is None else tick

    def _lapses(self, stem: Stem) -> Iterator[datetime]:
        """When updates cease to count; with a cron they do at the tick after that."""
        as_of = self._as_of
        for twig in twigs(stem):
            if twig.in_last is not None:
                of_it = self.arrivals.get(twig.leaf.dataset, ())
                ends = (arrival.at + twig.in_last for arrival in of_it)
                yield from (self._tick_from(end) for end in ends if end > as_of)

    def _tick_from(self, at: datetime) -> datetime:
        if self.condition.cron is None:
            return at
        tick, following = ticks_around(self.condition.cron, at)
        return at if at == tick else following or at

    def _ignored(self, stem: Stem) -> Iterator[Ignored]:
        by_dataset: dict[EntityName, list[Twig]] = {}
        for twig in twigs(stem):
            by_dataset.setdefault(twig.leaf.dataset, []).append(twig)
        as_of = self._as_of
        for dataset, arrivals in self.arrivals.items():
            for arrival in arrivals:
                why = self._why_ignored(by_dataset.get(dataset, ()), arrival, as_of)
                if why is not None:
                    yield Ignored(arrival.update_id, why)

    def _why_ignored(self, of_it: Sequence[Twig], arrival: Arrival, as_of: datetime) -> str | None:
        told: dict[str, None] = {}
        for twig in of_it:
            why = why_not(twig.leaf, arrival, self.asked)
            if why is None and twig.in_last is not None and arrival.at + twig.in_last <= as_of:
                why = f"it is older than {spoken(twig.in_last.total_seconds())}"
            if why is None:
                return None
            told[why] = None
        return "; ".join(told) or f"{dataset_text(arrival.dataset)} is no input"


def _by_dataset(arrivals: Iterable[Arrival]) -> dict[EntityName, list[Arrival]]:
    """Each once, in the order of time."""
    once = {arrival.update_id: arrival for arrival in arrivals}
    found: dict[EntityName, list[Arrival]] = {}
    for one in sorted(once.values(), key=lambda arrival: (arrival.at, arrival.update_id)):
        found.setdefault(one.dataset, []).append(one)
    return found


def _without(
    arrivals: Mapping[EntityName, Sequence[Arrival]], gone: frozenset[int]
) -> dict[EntityName, list[Arrival]]:
    left = {
        dataset: [one for one in some if one.update_id not in gone]
        for dataset, some in arrivals.items()
    }
    return {dataset: some for dataset, some in left.items() if some}


def _needed(stem: Stem) -> Iterator[Twig]:
    """The datasets that make it hold."""
    if isinstance(stem, Twig):
        yield stem
        return
    for inner in stem.of:
        if inner.holds:
            yield from _needed(inner)


def _latest(needed: Iterable[Twig]) -> frozenset[int]:
    """Of each dataset and partition the last update."""
    found = {(one.dataset, one.part): one.update_id for one in present(needed)}
    return frozenset(found.values())


def _note(stem: Stem, deadline: _Deadline, *, holds: bool) -> str:
    if holds:
        return f"launched {deadline.words}, though updates were still coming"
    without = "; ".join(missing(stem))
    return f"launched {deadline.words} with {there_of(stem)}: {without}"
