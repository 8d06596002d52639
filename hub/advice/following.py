"""How the runs of a job follow the updates of what it reads. Pure, and no pattern by itself."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from hub.advice.base import DatasetSeen, JobSeen, RunSeen, World, gap_of

#: What starts longer after its data than this keeps to people's hours, not to the data.
MOST: Final = timedelta(hours=3)
#: A run is meant for an update that comes this part of its gap after its start, at the most.
EARLY: Final = 0.25
#: In so many of its runs the one update that it is meant for must be found ...
MATCHED: Final = 0.8
#: ... and this many updates may there be for each run: on weekends nobody may run.
CROWDED: Final = 1.6


class Follow(Struct, frozen=True, gc=False):
    """Runs, and when the update came that each is meant for; None: it is not known."""

    dataset: DatasetSeen
    arrived: Sequence[datetime | None]


def follow(runs: Sequence[RunSeen], dataset: DatasetSeen, gap: timedelta) -> Follow | None:
    """Of runs that usually lie `gap` apart; None: runs and updates do not come one for one."""
    reach, ahead = gap / 2, min(timedelta(hours=1), gap * EARLY)
    ats = [update.at for update in dataset.updates]
    known = dataset.known_from()
    judged = [run.start for run in runs if known is None or run.start - reach >= known]
    if not judged:
        return None
    last = [bisect_right(ats, start + ahead) for start in judged]
    found = [
        ats[place - 1] if place and ats[place - 1] >= start - reach else None
        for start, place in zip(judged, last, strict=True)
    ]
    met = sum(at is not None for at in found)
    updates = last[-1] - bisect_left(ats, judged[0] - reach)
    if met < MATCHED * len(judged) or updates > CROWDED * met:
        return None
    return Follow(dataset, [*[None] * (len(runs) - len(judged)), *found])


def followed(world: World, job: JobSeen, runs: Sequence[RunSeen]) -> list[Follow]:
    """What of the inputs of a job is written by others, and comes once for each of its runs."""
    gap = gap_of([run.start for run in runs])
    if not gap:
        return []
    inputs = (world.datasets[key] for key in sorted(job.reads - job.writes))
    found = (follow(runs, one, gap) for one in inputs if one.updates and one.writers - {job.id})
    return [one for one in found if one is not None]
