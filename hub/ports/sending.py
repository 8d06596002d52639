"""What the deliver loop reads and keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from hub.ports.adapters import Json
from hub.ports.notifiers import Delivery


class Leased(Struct, frozen=True, kw_only=True):
    """A delivery in our hands until `until`. attempts: with this one. again: the target has been
    made to show it before, and is only to be reminded.
    """

    id: int
    token: str
    notification: int
    target: str
    delivery: Delivery
    held: Json
    attempts: int
    failing_since: datetime | None
    until: datetime
    again: bool = False


class Failure(Struct, frozen=True):
    """error: what went wrong, without secrets. again_at: None: it is dead."""

    error: str
    again_at: datetime | None


class Health(Struct, frozen=True, kw_only=True):
    """How a target does. paused_until: nothing is sent before."""

    name: str
    failures: int = 0
    failing_since: datetime | None = None
    paused_until: datetime | None = None
    down_since: datetime | None = None
    error: str | None = None
    delivered_at: datetime | None = None


class DeliverStore(Protocol):
    """Where the deliver loop reads and keeps; every replica."""

    def health(self) -> Mapping[str, Health]: ...

    def lease(self, now: datetime, room: Mapping[str, int], hold_s: float) -> Sequence[Leased]:
        """Deliveries that are due, of each target at most so many, the longest due first."""
        ...

    def delivered(
        self, one: Leased, held: Json, health: Health, now: datetime, again_at: datetime | None
    ) -> bool:
        """Keeps it. False if the lease had passed on: what is wanted now is sent once more then.

        again_at: when it is to be told the same again, unless it is over.
        """
        ...

    def failed(self, one: Leased, failure: Failure, health: Health, now: datetime) -> bool: ...

    def begin(
        self, known: Collection[str], forgetful: Collection[str], now: datetime, *, first: bool
    ) -> None:
        """When these targets are declared, and no others: gives up what is meant for others.

        forgetful: those of them that are told the same again; what they should show is told now.
        first: of a process. Soon ends leases of one that is gone, where only one may be there.
        """
        ...

    def tested(self, health: Health, now: datetime) -> None: ...
