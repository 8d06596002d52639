"""Who started a run, by the id that its orchestrator gave it, or the backfill that it is of."""

from __future__ import annotations

from typing import Final

from hub.schedules.matching import BY_CLOCK, BY_HAND, Origin

#: What Airflow begins the ids of its runs with.
_BEGINNINGS: Final = {
    "scheduled__": Origin.SCHEDULED,
    "backfill__": Origin.BACKFILL,
    "manual__": Origin.MANUAL,
    "asset_triggered__": Origin.DATASET,
    "dataset_triggered__": Origin.DATASET,
}
_HANDS: Final = tuple(head for head, origin in _BEGINNINGS.items() if origin in BY_HAND)


_NO_CLOCK: Final = tuple(head for head, origin in _BEGINNINGS.items() if origin not in BY_CLOCK)


def origin_of(natural_id: str, backfill: str | None) -> Origin:
    if backfill is not None:
        return Origin.BACKFILL
    found = (origin for head, origin in _BEGINNINGS.items() if natural_id.startswith(head))
    return next(found, Origin.UNKNOWN)


def is_by_clock(natural_id: str, backfill: str | None) -> bool:
    """Whether a clock may have started it."""
    return backfill is None and not natural_id.startswith(_NO_CLOCK)


def is_by_hand(natural_id: str, backfill: str | None) -> bool:
    """Whether a person started it, or made it up for a time that has passed."""
    return backfill is not None or natural_id.startswith(_HANDS)
