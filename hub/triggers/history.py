"""What a condition would have launched of updates that are past, in the order of their time: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from hub.triggers.conditions import Arrival, Condition, Decision, Facts, Past, decide

#: A condition that asks to be looked at again without end is left alone.
LOOKS: Final = 1000


def first_launch(
    condition: Condition,
    arrivals: Sequence[Arrival],
    past: Past,
    facts: Facts,
    until: datetime,
) -> tuple[datetime, Decision] | None:
    """The first launch and its time, had each update been heard of when it was made.

    arrivals: in the order of their time.
    """
    for index, arrival in enumerate(arrivals):
        later = arrivals[index + 1].at if index + 1 < len(arrivals) else until
        found = _within(condition, arrivals[: index + 1], past, facts, arrival.at, later)
        if found is not None:
            return found
    return None


def _within(
    condition: Condition,
    arrivals: Sequence[Arrival],
    past: Past,
    facts: Facts,
    now: datetime,
    later: datetime,
) -> tuple[datetime, Decision] | None:
    """The first launch from a time on, until something else happens."""
    for _ in range(LOOKS):
        decision = decide(condition, arrivals, past, facts, now)
        if decision.satisfied:
            return now, decision
        if decision.again_at is None or not now < decision.again_at <= later:
            return None
        now = decision.again_at
    return None
