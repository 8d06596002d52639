"""What a condition would have launched of updates that are past, in the order of their time: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.triggers.conditions import Arrival, Condition, Decision, Facts, Past, decide

#: A condition that asks to be looked at again without end is left alone.
LOOKS: Final = 1000
_TICK: Final = timedelta(microseconds=1)


def first_launch(
    condition: Condition,
    arrivals: Sequence[Arrival],
    past: Past,
    facts_at: Callable[[datetime], Facts],
    until: datetime,
) -> tuple[datetime, Decision] | None:
    """The first launch and its time, had each update been heard of when it was made.

    arrivals: in the order of their time. facts_at: as they were at a time.
    """
    for index, arrival in enumerate(arrivals):
        # What comes at the same time counts.
        later = arrivals[index + 1].at - _TICK if index + 1 < len(arrivals) else until
        found = _within(condition, arrivals[: index + 1], past, facts_at, arrival.at, later)
        if found is not None:
            return found
    return None


def _within(
    condition: Condition,
    arrivals: Sequence[Arrival],
    past: Past,
    facts_at: Callable[[datetime], Facts],
    now: datetime,
    later: datetime,
) -> tuple[datetime, Decision] | None:
    """The first launch from a time on, until something else happens."""
    for _ in range(LOOKS):
        decision = decide(condition, arrivals, past, facts_at(now), now)
        if decision.satisfied:
            return now, decision
        if decision.again_at is None or not now < decision.again_at <= later:
            return None
        now = decision.again_at
    return None
