"""What digests are made of, and how it is kept that each is sent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from hub.model import Resolution
from hub.ports.cases import About, Fence
from hub.ports.notifiers import Message, WhoIsHit


class Happening(Struct, frozen=True, kw_only=True):
    """An incident that opened or ended in a period, or is open at its end.

    told: somebody was told of it. acknowledged: somebody said something of it. breaches: what it
    is predicted to make late.
    """

    id: int
    about: About
    reason: str
    opened_at: datetime
    resolved_at: datetime | None
    resolution: Resolution | None
    told: bool
    acknowledged: bool
    breaches: Sequence[WhoIsHit] = ()


class Period(Struct, frozen=True):
    """Of a digest: from `since` until before `until`. more: it is too much to look at all of it."""

    since: datetime
    until: datetime
    happened: Sequence[Happening]
    more: bool = False


class Due(Struct, frozen=True):
    """When a digest is sent next, and since when it tells. plan: what was asked for, as text."""

    name: str
    plan: str
    since: datetime
    due_at: datetime


class Posted(Struct, frozen=True, kw_only=True):
    """What became of a digest that was due: `before` is its row, `after` what takes its place.

    message: None if there was nothing to tell.
    """

    before: Due
    after: Due
    message: Message | None
    targets: tuple[str, ...]


class DigestStore(Protocol):
    """Where digests are kept; one replica at a time."""

    def settle(self, wanted: Mapping[str, Due], fence: Fence) -> None:
        """Those that are asked for, and no others; one that is as it was keeps its time."""
        ...

    def due(self, now: datetime) -> Sequence[Due]: ...

    def period(self, since: datetime, until: datetime) -> Period: ...

    def post(self, one: Posted, now: datetime, fence: Fence) -> None:
        """Hands the message to its targets' deliveries, in the transaction that moves its row on."""
        ...
