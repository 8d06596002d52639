"""Whether a job still keeps to the schedule that was learned from its runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from hub.schedules.matching import Matching, Origin

#: Of the latest `LOOKED_AT` runs no more than `STRAYS` may have come apart from their slots.
LOOKED_AT: Final = 10
STRAYS: Final = 3
_BY_CLOCK: Final = frozenset({Origin.SCHEDULED, Origin.UNKNOWN})


def keeps(matching: Matching, within: timedelta) -> bool:
    """Where it does not, a slot without a run tells nothing."""
    slots = sorted([*matching.taken, *matching.open])
    if not slots:
        return True
    first = slots[0].due_at
    came = [(start.at, start.at - slot.due_at <= within) for slot, start in matching.taken.items()]
    came += [
        (start.at, False)
        for start in matching.extra
        if start.origin in _BY_CLOCK and start.at >= first
    ]
    latest = sorted(came)[-LOOKED_AT:]
    return sum(not kept for _, kept in latest) <= STRAYS
