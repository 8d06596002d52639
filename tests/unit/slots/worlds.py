"""Made-up histories of a job: what became of each slot, and the starts that are seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from random import Random

from hub.schedules.matching import LATE, Origin, Start
from hub.schedules.slots import Slot

SECOND = timedelta(seconds=1)


class Fate(StrEnum):
    ON_TIME = "on time"
    EARLY = "early by a second"
    LATE = "late, up to after the next slot"
    MISSING = "missing"
    DOUBLED = "started twice"


def sensible(fates: Sequence[Fate]) -> list[Fate]:
    """Without what nobody can tell from something else where runs have no name.

    A second run right after a missing slot looks like its late run; a late run while the next slot
    goes missing looks like that one's; if all are late by more than a gap, those of now look on time.
    """
    told: list[Fate] = []
    for fate in fates:
        hidden = fate is Fate.DOUBLED and Fate.MISSING in told[-LATE:]
        taken = fate is Fate.MISSING and Fate.LATE in told[-2:]
        behind = fate is Fate.LATE and told[-2:] == [Fate.LATE, Fate.LATE]
        told.append(Fate.ON_TIME if hidden or taken or behind else fate)
    return told


def starts_of(
    slots: Sequence[Slot], fates: Sequence[Fate], random: Random, *, named: bool
) -> dict[int, list[Start]]:
    """By the slot's place. Manual runs without a name come between, and answer nothing."""
    found: dict[int, list[Start]] = {}
    for place, (slot, fate) in enumerate(zip(slots, fates, strict=True)):
        gap, following = gap_after(slots, place), gap_after(slots, place + 1)
        after = {
            Fate.ON_TIME: [random.uniform(0, 0.2) * gap],
            Fate.EARLY: [-SECOND],
            Fate.LATE: [
                random.choice(
                    [random.uniform(0.3, 0.7) * gap, gap + random.uniform(0.3, 0.6) * following]
                )
            ],
            Fate.MISSING: [],
            Fate.DOUBLED: [random.uniform(0, 0.1) * gap, random.uniform(0.1, 0.4) * gap],
        }[fate]
        nominal = slot.nominal_at if named else None
        origin = random.choice([Origin.SCHEDULED, Origin.UNKNOWN])
        found[place] = [
            Start(10 * place + n, slot.due_at + it, nominal, origin) for n, it in enumerate(after)
        ]
    return found


def gap_after(slots: Sequence[Slot], place: int) -> timedelta:
    if place + 1 >= len(slots):
        return timedelta(seconds=10)
    return slots[place + 1].due_at - slots[place].due_at
