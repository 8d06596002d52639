"""From an update to what it means for a subscription: its arrivals, each with a fate or open. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as with_update
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.model import EntityName
from hub.schedules.stretches import Stretch
from hub.schedules.timekeys import cut_of, read_key
from hub.store.arrivals import Came, Facts, Fate
from hub.store.subscriptions import Kept
from hub.store.updates import Offered, Written
from hub.triggers.partitions import mapped
from hub.triggers.spec import WHOLE, Backfill, Spec


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription and what it says."""

    kept: Kept
    spec: Spec

    @property
    def id(self) -> int:
        return self.kept.id


@dataclass(frozen=True, slots=True)
class Seen:
    """An update as it is told to subscriptions."""

    update: Written
    facts: Facts
    offered: Offered


def counts(one: Subscriber, since: datetime, update: Written) -> bool:
    """Whether it came after the subscription began: recorded since then, or made since it asks for."""
    if update.recorded_at is not None and update.recorded_at >= since:
        return True
    return one.kept.since is not None and update.at >= one.kept.since


def arrivals_of(one: Subscriber, name: EntityName, seen: Seen, now: datetime) -> Iterator[Came]:
    """What the update of an input is for the subscription, by partition of its target."""
    refusal = _refusal(one, seen.offered)
    if refusal is not None:
        yield _came(one, name, seen, now, WHOLE, Fate.REFUSED, refusal)
        return
    source = _source(one.spec, name, seen.update)
    seen = with_update(seen, update=replace(seen.update, partition=source))
    targets, note = targets_of(one.spec, name, source, seen.update.at)
    old = is_old(source, seen.update.at, one.spec.backfill)
    if not targets:
        yield _came(one, name, seen, now, WHOLE, Fate.IGNORED, note or "it counts for no partition")
    for target in targets:
        if old is not None and one.spec.backfill.old == "ignore":
            yield _came(one, name, seen, now, target, Fate.IGNORED, old)
        else:
            yield _came(one, name, seen, now, target, Fate.WAITING, None, old=old is not None)


def _source(spec: Spec, name: EntityName, update: Written) -> str:
    """The partition that was written. Of an update without one, where somebody asks for partitions,
    that of the data interval of its run.
    """
    return update.partition or (update.nominal if spec.mapping_of(name) is not None else "")


def targets_of(
    spec: Spec, name: EntityName, source: str, at: datetime
) -> tuple[tuple[str, ...], str]:
    """The partitions of the target that it counts for, and why there are none."""
    mapping = spec.mapping_of(name)
    if mapping is None:
        return (WHOLE,), ""
    found = mapped(mapping, source, at)
    return tuple(dict.fromkeys(found.targets)), found.note


def remapped(one: Subscriber, came: Came, inputs: frozenset[EntityName]) -> list[Came]:
    """What waits, under a mapping that was changed. An input that is none any more is ignored."""
    if came.name not in inputs:
        return [_ignored(came, "the subscription no longer names its dataset")]
    targets, note = targets_of(one.spec, came.name, came.source_partition, came.at)
    if not targets:
        return [_ignored(came, note or "it counts for no partition")]
    return [replace(came, partition=target) for target in targets]


def is_old(partition: str, at: datetime, backfill: Backfill) -> str | None:
    """Why the partition is old: its time was over long before it was updated."""
    stretch = _stretch(partition)
    if stretch is None:
        return None
    patience = max(timedelta(seconds=backfill.older_than_s), stretch.end - stretch.begin)
    if stretch.end + patience >= at:
        return None
    days = (at - stretch.end).total_seconds() / 86_400
    return f"its partition is old: it was over {days:.0f} days before the update"


def _stretch(partition: str) -> Stretch | None:
    cut = cut_of(partition) if partition else None
    found = read_key(partition, cut).stretches if cut is not None else ()
    return found[0] if found else None


def _refusal(one: Subscriber, offered: Offered) -> str | None:
    if one.kept.refusal is not None:
        return one.kept.refusal
    if one.kept.team is None or offered.is_open_to(one.kept.team):
        return None
    whose = f"team {offered.team}" if offered.team else "its owner"
    return f"{whose} does not offer the dataset to team {one.kept.team}"


def _came(
    one: Subscriber,
    name: EntityName,
    seen: Seen,
    now: datetime,
    partition: str,
    fate: str,
    reason: str | None,
    *,
    old: bool = False,
) -> Came:
    return Came(
        subscription_id=one.id,
        update_id=seen.update.id,
        partition=partition,
        name=name,
        source_partition=seen.update.partition,
        at=seen.update.at,
        seen_at=now,
        facts=seen.facts,
        old=old,
        fate=fate,
        reason=reason,
    )


def _ignored(came: Came, reason: str) -> Came:
    return replace(came, fate=Fate.IGNORED, reason=reason)
