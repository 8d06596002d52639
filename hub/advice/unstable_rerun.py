"""Made anew, a partition has another content, though what it is made of has not changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from hub.advice.base import EXAMPLES, Advice, DatasetSeen, Example, RewriteSeen, World, pattern

#: So many partitions; one may have been made anew for a reason that nobody told.
PARTITIONS: Final = 3

Pair = tuple[RewriteSeen, RewriteSeen]


@pattern("unstable_rerun", "Runs again with another result")
def unstable_rerun(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    found: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for before, after in _pairs(world.rewrites):
        known = after.job in world.jobs and after.dataset in world.datasets
        if known and not _inputs_changed(world, before, after):
            found[after.job, after.dataset].append((before, after))
    worst: dict[int, list[Pair]] = {}
    for (job, _), pairs in found.items():
        count = _partitions(_unlike(pairs))
        if count >= PARTITIONS and count > _partitions(_unlike(worst.get(job, []))):
            worst[job] = pairs
    for pairs in worst.values():
        yield _told(world, pairs)


def _unlike(pairs: Sequence[Pair]) -> list[Pair]:
    return [(before, after) for before, after in pairs if before.rows != after.rows]


def _partitions(pairs: Sequence[Pair]) -> int:
    return len({after.partition for _, after in pairs})


def _pairs(rewrites: Sequence[RewriteSeen]) -> Iterator[Pair]:
    """Writes of one partition, one after the other, by a job for the same slot."""
    found: dict[tuple[int, str, int, str | None], list[RewriteSeen]] = defaultdict(list)
    for one in rewrites:
        found[one.dataset, one.partition, one.job, one.slot].append(one)
    for (*_, slot), mine in found.items():
        if slot is not None:
            yield from pairwise(sorted(mine, key=lambda one: one.at))


def _inputs_changed(world: World, before: RewriteSeen, after: RewriteSeen) -> bool:
    """Something that the job reads was updated in between, or it is not known whether it was."""
    job = world.jobs[after.job]
    inputs = (world.datasets[key] for key in job.reads - {after.dataset} if key in world.datasets)
    return any(_changed(one, before, after) for one in inputs)


def _changed(one: DatasetSeen, before: RewriteSeen, after: RewriteSeen) -> bool:
    known = one.known_from()
    if known is not None and before.at < known:
        return True
    return any(
        before.at < update.at <= after.at and _concerns(update.partition, after.partition)
        for update in one.updates
    )


def _concerns(partition: str, of: str) -> bool:
    """A whole dataset concerns every partition; a day its hours, and the other way round."""
    return partition.startswith(of) or of.startswith(partition)


def _told(world: World, pairs: Sequence[Pair]) -> Advice:
    unlike, last = _unlike(pairs), pairs[-1][1]
    job, dataset, count = world.jobs[last.job], world.datasets[last.dataset], _partitions(unlike)
    return Advice(
        kind="unstable_rerun",
        job=job.name,
        team=job.team,
        says=f"{count} partitions of {dataset.name.name} had another number of rows when it wrote "
        "them again, and nothing that it is known to read had changed",
        fix="make a run of a partition depend on that partition alone: read by its bounds and not "
        "by what time it is, and replace what was there (INSERT OVERWRITE, DELETE and INSERT, "
        "MERGE) where it adds to it",
        evidence={
            "writtenAgain": len(pairs),
            "changed": len(unlike),
            "partitionsChanged": count,
        },
        examples=[
            Example(
                f"{after.partition}: {before.rows:,} rows, then {after.rows:,}",
                job.name,
                after.run,
                dataset.name,
            )
            for before, after in list(reversed(unlike))[:EXAMPLES]
        ],
        jobs=frozenset({job.id}),
        datasets=frozenset({dataset.id}),
    )
