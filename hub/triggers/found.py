"""What one round of the trigger loop has read and decided, until it is committed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from hub.ports import NewLaunch
from hub.store import arrivals, subscriptions
from hub.store.arrivals import Came, Fate, Fated, Row, Stand
from hub.store.changes import Places
from hub.store.cursors import save_places
from hub.store.db import Connection
from hub.store.launch_counts import UnderWay
from hub.store.launches import ask
from hub.store.leases import Fence
from hub.store.step_cursors import save_step
from hub.store.subscriptions import Settled
from hub.triggers.arriving import Subscriber

READER: Final = "trigger"


class EditedError(Exception):
    """Somebody has edited a subscription since it was read."""


@dataclass(slots=True)
class Found:
    """What one round has read and decided, until it is committed."""

    now: datetime
    places: Places = field(default_factory=dict)
    step: int | None = None  # of incidents, up to which they are dealt with; none: no news
    more: bool = False
    subscribers: dict[int, Subscriber] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)
    anew: list[int] = field(default_factory=list)  # subscriptions whose waiting is put anew
    rows: set[Row] = field(default_factory=set)  # to be decided
    woken: set[Row] = field(default_factory=set)  # to be decided in the next round
    fated: list[Fated] = field(default_factory=list)
    stands: dict[Row, Stand] = field(default_factory=dict)
    launches: list[NewLaunch] = field(default_factory=list)
    looks: dict[int, datetime | None] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)  # of which all that was changed is looked at
    under_way: dict[int, UnderWay] = field(default_factory=dict)  # as it was read
    lag_s: float = 0.0  # how old the oldest change was

    @property
    def empty(self) -> bool:
        return not (
            self.places
            or self.step is not None
            or self.came
            or self.stands
            or self.fated
            or self.looks
            or self.anew
        )

    def look(self, number: int, at: datetime | None) -> None:
        """When a subscription is looked at again; the sooner of two."""
        kept = self.subscribers[number].kept
        before = self.looks.get(number, kept.look_at)
        self.looks[number] = at if before is None else min(before, at or before)

    def fates(self) -> Counter[str]:
        """How many arrivals have a fate now, by what it is."""
        decided = Counter(one.fate for one in self.fated)
        return decided + Counter(one.fate for one in self.came if one.fate != Fate.WAITING)

    def settlements(self) -> list[Settled]:
        return [
            Settled(number, kept.version if number in self.settled else kept.settled_version, at)
            for number, at in self.looks.items()
            for kept in [self.subscribers[number].kept]
        ]

    @property
    def versions(self) -> dict[int, int]:
        return {number: one.kept.version for number, one in self.subscribers.items()}


def keep(connection: Connection, found: Found, fence: Fence) -> None:
    """All of it, or nothing. Raises EditedError if a subscription is no longer as it was read."""
    fence(connection)
    versions = found.versions
    if subscriptions.versions_of(connection, sorted(versions)) != versions:
        raise EditedError
    for number in found.anew:
        arrivals.begin_anew(connection, number)
    arrivals.put_arrivals(connection, found.came)
    numbers = ask(connection, found.launches, found.now)
    by_key = {one.key: number for one, number in zip(found.launches, numbers, strict=True)}
    arrivals.decide_arrivals(connection, found.fated, by_key)
    arrivals.wake(connection, found.woken, found.now)
    arrivals.put_stands(connection, found.stands.values())
    subscriptions.settle(connection, found.settlements())
    save_places(connection, READER, found.places)
    if found.step is not None:
        save_step(connection, READER, found.step)
