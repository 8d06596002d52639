"""When a launch that was not taken is asked for again, if it is: pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from hub.errors import NotReady, TracksideError, Unavailable
from hub.ports import LeasedLaunch

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 600.0
#: A job that is paused or can't be read is looked at again so often.
NOT_READY_S: Final = 60.0
#: After this time a launch is not asked for any more: its run may have been made and be gone.
RETRY_AGE: Final = timedelta(days=1)
#: One whose job is paused waits so long.
PAUSED_AGE: Final = timedelta(days=7)
#: The longest that an orchestrator is obeyed when it says when to come back.
LONGEST_ASKED_S: Final = 3600.0


def pause_s(attempts: int, chance: float) -> float:
    """Before the next attempt; chance in [0, 1) spreads it, from half of it to the whole."""
    whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 20))
    return whole * (0.5 + chance / 2)


def again_at(
    one: LeasedLaunch, error: TracksideError, now: datetime, chance: float
) -> datetime | None:
    """When to ask again; None: it is given up."""
    if isinstance(error, NotReady):
        waits = now - (one.failing_since or now) < PAUSED_AGE
        return now + timedelta(seconds=NOT_READY_S * (0.75 + chance / 4)) if waits else None
    passing = isinstance(error, Unavailable) and not error.permanent
    if not passing or now - one.begun_at >= RETRY_AGE:
        return None
    wait_s = pause_s(one.attempts, chance)
    asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
    if asked_s is not None:
        wait_s = max(wait_s, min(asked_s, LONGEST_ASKED_S))
    return now + timedelta(seconds=wait_s)
