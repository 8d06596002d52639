"""Whether there is room for one more launch, and if not, why and until when: pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from hub.ports import all_over_at
from hub.store.launch_counts import UnderWay
from hub.triggers.spec import Limits

#: How soon it is looked whether a launch has ended.
LOOK_AGAIN: Final = timedelta(seconds=1)


_NONE: Final = Limits()


class Room(Struct, frozen=True):
    """free: how many launches more; None: as many as there are. Without any: why, and when to look
    again.
    """

    free: int | None = None
    reason: str = ""
    again_at: datetime | None = None

    @property
    def is_full(self) -> bool:
        return self.free == 0


def is_limited(limits: Limits) -> bool:
    return limits != _NONE


def room_of(limits: Limits, under_way: UnderWay, now: datetime) -> Room:
    """What is free of the narrowest of the limits."""
    rooms = [
        *_hours(limits, now),
        *_counted(limits, under_way, now),
        *_rate(limits, under_way, now),
    ]
    return min(rooms, key=lambda room: room.free or 0, default=Room())


def _hours(limits: Limits, now: datetime) -> list[Room]:
    over = all_over_at(limits.quiet, now)
    if over is None:
        return []
    return [Room(0, f"quiet hours until {over:%Y-%m-%d %H:%M} UTC", over)]


def _counted(limits: Limits, under_way: UnderWay, now: datetime) -> list[Room]:
    found = []
    for most, there, whose in (
        (limits.concurrency, under_way.of_subscription, "of the subscription"),
        (limits.target_concurrency, under_way.of_target, "of the job"),
    ):
        if most is not None:
            text = f"{there} of at most {most} launches {whose} are under way"
            found.append(Room(max(0, most - there), text, now + LOOK_AGAIN))
    return found


def _rate(limits: Limits, under_way: UnderWay, now: datetime) -> list[Room]:
    if limits.rate is None:
        return []
    span = timedelta(seconds=limits.rate.per_s)
    asked = sorted(at for at in under_way.asked_at if at > now - span)
    free = max(0, limits.rate.launches - len(asked))
    # One is free again when the oldest of the latest so many is out of the span.
    again = asked[-limits.rate.launches] + span if not free else None
    text = f"{len(asked)} launches were asked for within {_spoken(span)}, of at most "
    return [Room(free, f"{text}{limits.rate.launches}", again)]


def _spoken(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % length == 0 and seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
