"""Decides the rows of one round: partitions of targets, each by what waits for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from hub.model import EntityName
from hub.store import arrivals
from hub.store.arrivals import Came, Fate, Row, Stand
from hub.store.db import Connection
from hub.store.launch_counts import UnderWay, under_way
from hub.triggers.arriving import Subscriber
from hub.triggers.deciding import Judged, Parts, Table, judge, settled_at, superseded
from hub.triggers.facts import StoreFacts
from hub.triggers.found import Found
from hub.triggers.partitions import Rollup
from hub.triggers.rooms import LOOK_AGAIN, Room, is_limited, room_of
from hub.triggers.spec import Spec

#: Partitions of one subscription that are taken up in a round when there is room again.
TAKEN: Final = 100
#: Launches of one partition in a round; the rest follow in the next.
AT_ONCE: Final = 20


class Decisions:
    """Of one round."""

    def __init__(self, connection: Connection, found: Found) -> None:
        self._connection = connection
        self._found = found
        self._gone: set[tuple[int, Row]] = set()  # what is no longer wanted of old partitions

    def make_room(self, one: Subscriber) -> None:
        room = self._room(one)
        if room.is_full:
            self._found.look(one.id, room.again_at)
            return
        most = TAKEN if room.free is None else min(room.free, TAKEN)
        rows = arrivals.blocked_rows(self._connection, one.id, most + 1)
        self._found.rows.update(rows[:most])
        if len(rows) > most:
            self._found.look(one.id, self._found.now + LOOK_AGAIN)

    def _room(self, one: Subscriber) -> Room:
        limits = one.spec.limits
        if not is_limited(limits):
            return Room()
        if one.id not in self._found.under_way:
            self._found.under_way[one.id] = under_way(
                self._connection,
                one.id if limits.concurrency is not None else None,
                _target(one) if limits.target_concurrency is not None else None,
                None if limits.rate is None else (one.id, limits.rate.per_s, self._found.now),
            )
        return room_of(
            limits, _with_new(self._found.under_way[one.id], self._found, one), self._found.now
        )

    def decide(self) -> None:
        anew = set(self._found.anew)
        held = arrivals.open_of(
            self._connection, {row for row in self._found.rows if row[0] not in anew}
        )
        stands = arrivals.stands_of(self._connection, self._found.rows)
        for each in self._found.came:
            if each.fate == Fate.WAITING:
                held.setdefault(each.row, []).append(each)
        parts = self._parts()
        facts = StoreFacts(self._connection, self._found.now)
        for row in sorted(self._found.rows):
            one = self._found.subscribers[row[0]]
            came = sorted(held.get(row, ()), key=lambda each: (each.at, each.update_id))
            unsettled = self._thin_out(one, came)
            came = [each for each in came if (each.update_id, row) not in self._gone]
            table = Table(one, row[1], came, stands.get(row), parts.get(row, {}), unsettled)
            self._decide_row(table, facts)

    def _thin_out(self, one: Subscriber, came: Sequence[Came]) -> datetime | None:
        """Until when more updates of old partitions are waited for; then all but the latest go."""
        backfill = one.spec.backfill
        if backfill.old not in ("coalesce", "latest") or not any(each.old for each in came):
            return None
        if backfill.old == "coalesce":
            return settled_at(came, backfill.settle_s, self._found.now)
        fresh = [each for each in self._found.came if each.subscription_id == one.id]
        stored = (
            []
            if one.id in self._found.anew
            else arrivals.open_of_subscription(self._connection, one.id)
        )
        every = [each for each in (*stored, *fresh) if each.fate == Fate.WAITING]
        until = settled_at(every, backfill.settle_s, self._found.now)
        if until is None and not one.kept.is_paused:
            thinned = [
                each
                for each in superseded(every)
                if (each.came.update_id, each.came.row) not in self._gone
            ]
            self._gone.update((each.came.update_id, each.came.row) for each in thinned)
            self._found.fated += thinned
        return until

    def _parts(self) -> dict[Row, Parts]:
        """Of rows that wait for parts, which of them ever came."""
        rolled = {
            row for row in self._found.rows if any(_rolls_up(self._found.subscribers[row[0]].spec))
        }
        told: dict[Row, dict[EntityName, set[str]]] = defaultdict(lambda: defaultdict(set))
        for row, name, source in arrivals.parts_of(self._connection, rolled):
            told[row][name].add(source)
        for one in self._found.came:
            if one.row in rolled:
                told[one.row][one.name].add(one.source_partition)
        return {
            row: {name: frozenset(parts) for name, parts in mine.items()}
            for row, mine in told.items()
        }

    def _decide_row(self, table: Table, facts: StoreFacts) -> None:
        one = table.one
        for _ in range(AT_ONCE):
            judged = judge(table, facts, lambda: self._room(one), self._found.now)
            self._take(table, judged)
            if not judged.again:
                return
            gone = {each.came.update_id for each in judged.fated}
            left = [each for each in table.came if each.update_id not in gone]
            table = Table(
                table.one, table.partition, left, judged.stand, table.parts, table.unsettled_until
            )
        self._found.stands[table.row] = _due_now(self._found.stands[table.row], self._found.now)

    def _take(self, table: Table, judged: Judged) -> None:
        self._found.stands[table.row] = judged.stand
        self._found.fated += judged.fated
        if judged.launch is not None:
            self._found.launches.append(judged.launch)
        if judged.room is not None:
            self._found.look(table.one.id, judged.room.again_at)


def _rolls_up(spec: Spec) -> Iterator[bool]:
    return (isinstance(spec.mapping_of(name), Rollup) for name in spec.inputs)


def _target(one: Subscriber) -> tuple[str, EntityName]:
    return one.spec.launch.orchestrator, one.spec.job


def _with_new(there: UnderWay, found: Found, one: Subscriber) -> UnderWay:
    """With the launches of this round."""
    mine = sum(each.subscription_id == one.id for each in found.launches)
    same = sum((each.orchestrator, each.job) == _target(one) for each in found.launches)
    return UnderWay(
        there.of_subscription + mine,
        there.of_target + same,
        (*there.asked_at, *[found.now] * mine),
    )


def _due_now(stand: Stand, now: datetime) -> Stand:
    return replace(stand, due_at=now)
