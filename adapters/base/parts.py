"""A look in parts, each with a rhythm of its own.

What matters most is read at each poll; a poll also takes those of the other parts that are due
longest, as far as its requests reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable
from hub.model import HealthObserved, HealthStatus, Observation
from hub.ports import Json, Observed

S = TypeVar("S")

_FAILED: Final = "failed"


class Look(Struct, frozen=True):
    """What one part saw. `state` is handed back to it.

    more: it has not seen all yet and has news to bring, so it is asked again at once.
    soon: it has not seen all yet, but nothing presses: the next poll will do.
    """

    events: Sequence[Json] = ()
    observations: Sequence[Observation] = ()
    state: Json = {}
    more: bool = False
    soon: bool = False
    progress: str = ""


class Part(Struct, Generic[S], frozen=True):
    """Something to look at every so many seconds, for so many requests when nothing is new."""

    name: str
    every_s: float
    requests: int
    look: Callable[[S, Json], Look]


class Parts(Generic[S]):
    """Those of an adapter. beside: requests of a quiet poll that are theirs."""

    def __init__(self, parts: Sequence[Part[S]], *, beside: int) -> None:
        self._parts = parts
        self._beside = beside

    def take(self, site: S, cursor: Json, as_of: datetime) -> tuple[dict[str, Look], Json]:
        """What is due, and when each is due again."""
        due, looks = dict(cursor.get("due", {})), dict[str, Look]()
        for part in self._due(due, as_of):
            look = looks[part.name] = _look(part, site, cursor.get(part.name, {}), as_of)
            due[part.name] = as_of.timestamp() + (0 if look.more or look.soon else part.every_s)
        return looks, due

    def _due(self, due: Json, as_of: datetime) -> list[Part[S]]:
        """What is due longest, within what a quiet poll may ask."""
        now = as_of.timestamp()
        waiting = [part for part in self._parts if due.get(part.name, 0) <= now]
        chosen, left = [], self._beside
        for part in sorted(waiting, key=lambda part: float(due.get(part.name, 0))):
            if part.requests <= left:
                chosen.append(part)
                left -= part.requests
        return chosen


def _look(part: Part[S], site: S, state: Json, as_of: datetime) -> Look:
    """One part. What it may not read, or what fails, keeps nobody from seeing the others.

    It is told as the health of `read <part>` as long as it lasts.
    """
    try:
        look = part.look(site, {name: held for name, held in state.items() if name != _FAILED})
    except Unavailable as error:
        told = HealthObserved(HealthStatus.DEGRADED, as_of, f"read {part.name}", str(error))
        return Look(observations=[told], state={**state, _FAILED: True})
    if not state.get(_FAILED):
        return look
    mended = HealthObserved(HealthStatus.HEALTHY, as_of, f"read {part.name}")
    return msgspec.structs.replace(look, observations=[*look.observations, mended])


def observed(
    looks: Mapping[str, Look], cursor: Json, due: Json, requests: int, skew_s: float | None
) -> Observed:
    """All looks of a poll as one. The cursor has one member per part, and `due`."""
    return Observed(
        events=[event for look in looks.values() for event in look.events],
        observations=[seen for look in looks.values() for seen in look.observations],
        cursor={**cursor, "due": due, **{name: look.state for name, look in looks.items()}},
        more=any(look.more for look in looks.values()),
        progress="; ".join(look.progress for look in looks.values() if look.progress),
        requests=requests,
        skew_s=skew_s,
    )
