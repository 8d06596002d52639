"""What becomes of one partition of a subscription's target: launch, wait, or hold. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from hub.model import EntityName
from hub.ports import NewLaunch
from hub.store.arrivals import Came, Fate, Fated, Row, Stand
from hub.triggers.arriving import Subscriber
from hub.triggers.conditions import Arrival, Decision, Facts, Past, Wait, decide
from hub.triggers.history import first_launch
from hub.triggers.partitions import Rollup, progress_of
from hub.triggers.rooms import Room
from hub.triggers.spec import WHOLE, filled

#: So many updates wait for one partition; of more, the oldest that others stand for go.
MOST: Final = 500
#: So many of the parts that are missing are named.
SOME: Final = 3
Parts = Mapping[EntityName, frozenset[str]]
"""Of inputs whose parts must all be there, those of a target partition that ever came."""


@dataclass(frozen=True, slots=True)
class Table:
    """What one partition is decided by."""

    one: Subscriber
    partition: str
    came: Sequence[Came]  # open, in the order of their time
    stand: Stand | None
    parts: Parts
    unsettled_until: datetime | None = None  # updates of old partitions wait for more of them

    @property
    def row(self) -> Row:
        return self.one.id, self.partition


@dataclass(slots=True)
class Judged:
    """What became of it. again: something is left that could be launched at once."""

    stand: Stand
    launch: NewLaunch | None = None
    fated: list[Fated] = field(default_factory=list)
    room: Room | None = None  # why it is not launched, though it is satisfied
    again: bool = False


def judge(table: Table, facts: Facts, ask_room: Callable[[], Room], now: datetime) -> Judged:
    """ask_room: asked only where something could be launched."""
    kept = table.one.kept
    if kept.is_paused:
        return Judged(_stand(table, table.came, now, waits=[Wait(paused(table.one))]))
    facts = WithParts(facts, table)
    usable, waits, settles_at = _usable(table)
    decided_at, decision = _decided(table, usable, facts, now)
    waits = [*waits, *decision.waiting_for]
    fated = _ignored(table, decision)
    if not decision.satisfied:
        gone = {one.came.update_id for one in fated}
        open_ = [one for one in table.came if one.update_id not in gone]
        fated += _crowded_out(open_)
        due = _earliest(settles_at, decision.again_at)
        return Judged(_stand(table, open_, now, waits=waits, due=due), fated=fated)
    room = ask_room()
    if room.is_full:
        stand = _stand(table, table.came, now, blocked=room.reason)
        return Judged(stand, room=room)
    return _launched(table, decision, fated, decided_at, settles_at, now)


def paused(one: Subscriber) -> str:
    kept = one.kept
    why = f": {kept.pause_reason}" if kept.pause_reason else ""
    return f"paused by {kept.paused_by}{why}"


# -- what may be used --------------------------------------------------------------------------


def _usable(table: Table) -> tuple[list[Came], list[Wait], datetime | None]:
    """Without what waits for more updates of old partitions."""
    usable: list[Came] = list(table.came)
    waits: list[Wait] = []
    settles_at = table.unsettled_until if any(one.old for one in usable) else None
    if settles_at is not None:
        usable = [one for one in usable if not one.old]
        text = f"waiting until no update of an old partition has come ({settles_at:%H:%M:%S} UTC)"
        waits.append(Wait(text))
    return usable, waits, settles_at


class WithParts:
    """Facts, and what is lacking of the parts of one target partition."""

    def __init__(self, facts: Facts, table: Table) -> None:
        self._facts = facts
        self._table = table
        self.gate = facts.gate
        self.last_metric = facts.last_metric

    def lacking(self, dataset: EntityName, partition: str, there: frozenset[str], /) -> str | None:
        mapping = self._table.one.spec.mapping_of(dataset)
        if not isinstance(mapping, Rollup):
            return None
        present = there | self._table.parts.get(dataset, frozenset())
        progress = progress_of(mapping, partition, sorted(present))
        if progress.satisfied:
            return None
        some = ", ".join(progress.missing[:SOME]) + ", ..." * (len(progress.missing) > SOME)
        missing = f", missing are {some}" if progress.missing else ""
        return f"{len(progress.there)} of {progress.needed} parts are there{missing}"


def settled_at(came: Sequence[Came], settle_s: float, now: datetime) -> datetime | None:
    """Until when more updates of old partitions are waited for, where that is not over."""
    last = max((one.seen_at for one in came if one.old), default=None)
    if last is None:
        return None
    over = last + timedelta(seconds=settle_s)
    return over if over > now else None


def superseded(came: Sequence[Came]) -> list[Fated]:
    """Of old partitions of an input, all but the latest."""
    latest: dict[EntityName, str] = {}
    for one in came:
        if one.old:
            latest[one.name] = max(latest.get(one.name, ""), one.source_partition)
    return [
        Fated(one, Fate.COALESCED, f"of old partitions only the latest: {latest[one.name]}")
        for one in came
        if one.old and one.source_partition != latest[one.name]
    ]


def _crowded_out(open_: Sequence[Came]) -> list[Fated]:
    """The oldest of too many, where a later one of the same dataset and partition stands for them."""
    if len(open_) <= MOST:
        return []
    later = {(one.name, one.source_partition): one.update_id for one in open_}
    return [
        Fated(one, Fate.COALESCED, f"more than {MOST} wait: a later update stands for it")
        for one in open_[:-MOST]
        if later[one.name, one.source_partition] != one.update_id
    ]


# -- what is decided ---------------------------------------------------------------------------


def _decided(
    table: Table, usable: Sequence[Came], facts: Facts, now: datetime
) -> tuple[datetime, Decision]:
    """The decision, and as of when it was made."""
    condition, arrivals = table.one.spec.condition, [arrival_of(one) for one in usable]
    past = Past(None if table.stand is None else table.stand.last_launch_at)
    found = _replayed(table, usable, past, facts)
    if found is not None:
        return found
    if table.one.spec.backfill.old == "each":
        for index, one in enumerate(usable[:-1]):
            if one.old:
                step = decide(condition, arrivals[: index + 1], past, facts, now)
                if step.satisfied:
                    return now, step
    return now, decide(condition, arrivals, past, facts, now)


def _replayed(
    table: Table, usable: Sequence[Came], past: Past, facts: Facts
) -> tuple[datetime, Decision] | None:
    """The first launch of what came while the subscription was paused, as it would have been."""
    until = table.one.kept.replay_to
    if until is None:
        return None
    held = [arrival_of(one) for one in usable if one.seen_at <= until]
    held.sort(key=lambda one: (one.at, one.update_id))
    return first_launch(table.one.spec.condition, held, past, lambda _: facts, until)


def arrival_of(came: Came) -> Arrival:
    told = came.facts
    return Arrival(
        update_id=came.update_id,
        dataset=came.name,
        partition=came.partition,
        at=min(came.at, came.seen_at),  # a clock may be ahead of ours
        rows=told.rows,
        bytes=told.bytes,
        metrics=told.metrics,
        tags=frozenset(told.tags),
        job=told.job,
        team=told.team,
        source_partition=came.source_partition,
    )


def _ignored(table: Table, decision: Decision) -> list[Fated]:
    by_id = {one.update_id: one for one in table.came}
    return [
        Fated(by_id[one.update_id], Fate.IGNORED, one.reason)
        for one in decision.ignored
        if one.update_id in by_id
    ]


def _launched(
    table: Table,
    decision: Decision,
    fated: list[Fated],
    decided_at: datetime,
    settles_at: datetime | None,
    now: datetime,
) -> Judged:
    used = [one for one in table.came if one.update_id in decision.consumed]
    launch = launch_of(table.one, table.partition, used, decision.note, now)
    spare = set(decision.coalesced)
    fated = [
        *fated,
        *(
            Fated(
                one,
                Fate.COALESCED if one.update_id in spare else Fate.LAUNCHED,
                None,
                launch.key,
            )
            for one in used
        ),
    ]
    gone = {one.came.update_id for one in fated}
    left = [one for one in table.came if one.update_id not in gone]
    due = _earliest(settles_at, decision.again_at)
    stand = _stand(table, left, now, due=due, launched_at=decided_at)
    return Judged(stand, launch, fated, again=bool(left))


def launch_of(
    one: Subscriber, partition: str, used: Sequence[Came], note: str, now: datetime
) -> NewLaunch:
    """What is asked for; its key is that of its cause."""
    spec = one.spec
    updates: list[Mapping[str, Any]] = [
        {
            "id": came.update_id,
            "dataset": f"{came.name.namespace}/{came.name.name}",
            "partition": came.source_partition,
            "at": came.at.isoformat(),
        }
        for came in used
    ]
    wanted = spec.launch.partition
    target = partition if wanted is None else filled(wanted, partition, updates)
    after = spec.give_up_after
    return NewLaunch(
        key=key_of(one, partition, used),
        orchestrator=spec.launch.orchestrator,
        job=spec.job,
        partition=None if target == WHOLE else target,
        conf=filled(spec.launch.conf, partition, updates),
        note=note,
        kind=spec.launch.kind,
        subscription_id=one.id,
        team=one.kept.team,
        cause={
            "subscription": one.kept.name,
            "partition": partition,
            "updates": [came.update_id for came in used],
        },
        give_up_at=None if after is None else now + after,
        rerun=spec.policy,
    )


def key_of(one: Subscriber, partition: str, used: Sequence[Came]) -> str:
    """The same for the same cause, and for no other, also in another life of the store."""
    causes = sorted((came.update_id, came.at.isoformat()) for came in used)
    told = repr((one.id, one.kept.created_at.isoformat(), partition, causes))
    return hashlib.sha256(told.encode()).hexdigest()[:40]


# -- where it stands then ----------------------------------------------------------------------


def _stand(
    table: Table,
    left: Sequence[Came],
    now: datetime,
    *,
    waits: Sequence[Wait] = (),
    due: datetime | None = None,
    blocked: str | None = None,
    launched_at: datetime | None = None,
) -> Stand:
    before = table.stand
    last = launched_at or (None if before is None else before.last_launch_at)
    return Stand(
        subscription_id=table.one.id,
        partition=table.partition,
        due_at=due,
        waiting_for=[_told(wait) for wait in waits],
        blocked=blocked,
        first_at=min((one.seen_at for one in left), default=None),
        last_launch_at=last,
        changed_at=now,
    )


def _told(wait: Wait) -> dict[str, Any]:
    name = wait.dataset
    return {
        "text": wait.text,
        "dataset": None if name is None else f"{name.namespace}/{name.name}",
        "since": None if wait.since is None else wait.since.isoformat(),
    }


def _earliest(*times: datetime | None) -> datetime | None:
    return min((at for at in times if at is not None), default=None)
