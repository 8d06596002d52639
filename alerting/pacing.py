"""How fast targets are sent to, how long failures are waited out, when a target counts as down:
pure, except for the bucket, which remembers what it gave.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from hub.errors import Unavailable
from hub.ports import Failure, Health, Leased, Standing

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 900.0
#: A delivery that failed for so long is given up; one that resolves is not so soon.
GIVE_UP: Final = timedelta(days=1)
GIVE_UP_RESOLVE: Final = timedelta(days=7)
#: So many failures in a row pause a target as a whole, each further one for longer.
BREAKS_AT: Final = 5
#: Failing for so long, a target is down.
DOWN_AFTER: Final = timedelta(seconds=60)
#: The longest that a channel is obeyed when it says when to come back.
LONGEST_ASKED_S: Final = 3600.0


def pause_s(attempts: int, chance: float) -> float:
    """Before the next attempt; chance in [0, 1) spreads it, from half of it to the whole."""
    whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 20))
    return whole * (0.5 + chance / 2)


def failure_of(one: Leased, error: Unavailable, now: datetime, chance: float) -> Failure:
    """What becomes of a delivery that was not taken. A reminder is given up only where a person
    must change something: nothing else would bring it back.
    """
    limit = GIVE_UP_RESOLVE if one.delivery.standing is Standing.RESOLVED else GIVE_UP
    too_long = not one.again and now - (one.failing_since or now) >= limit
    if error.permanent or too_long:
        return Failure(str(error), None)
    wait_s = pause_s(one.attempts, chance)
    if error.retry_after_s is not None:
        wait_s = max(wait_s, min(error.retry_after_s, LONGEST_ASKED_S))
    return Failure(str(error), now + timedelta(seconds=wait_s))


def well(health: Health, now: datetime) -> Health:
    return Health(name=health.name, delivered_at=now)


def ill(health: Health, error: Unavailable, now: datetime) -> Health:
    """After a failure. One that says when to come back is not ill for that."""
    if error.retry_after_s is not None and not error.permanent:
        until = now + timedelta(seconds=min(error.retry_after_s, LONGEST_ASKED_S))
        return replace(health, paused_until=max(until, health.paused_until or until))
    failures, since = health.failures + 1, health.failing_since or now
    down = error.permanent or (failures > 1 and now - since >= DOWN_AFTER)
    paused = health.paused_until
    if failures >= BREAKS_AT:
        paused = now + timedelta(seconds=min(300.0, 5.0 * 2 ** min(failures - BREAKS_AT, 10)))
    return replace(
        health,
        failures=failures,
        failing_since=since,
        paused_until=paused,
        down_since=health.down_since or (now if down else None),
        error=str(error),
    )


class Bucket:
    """So many a minute, a sixth of them at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._rate = per_minute / 60
        self._most = max(1.0, per_minute / 6)
        self._clock = clock
        self._left, self._at = self._most, clock()

    def room(self) -> int:
        now = self._clock()
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        return int(self._left)

    def take(self) -> None:
        self._left -= 1
