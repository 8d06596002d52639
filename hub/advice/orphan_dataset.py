"""A dataset is written again and again, and nobody reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hub.advice.base import EXAMPLES, LEAST, Advice, Example, World, listed, pattern, spoken

#: A job that runs once a month has read it by then.
UNREAD: Final = timedelta(weeks=5)


@pattern("orphan_dataset", "A dataset that nobody reads")
def orphan_dataset(world: World, now: datetime) -> Iterator[Advice]:
    for one in world.datasets.values():
        since = one.written_since
        if one.subscribers or one.wanted or not one.writers or len(one.updates) < LEAST:
            continue
        if since is None or now - since < UNREAD:
            continue
        if one.read_at is not None and now - one.read_at < UNREAD:
            continue
        writers = [world.jobs[key] for key in sorted(one.writers)]
        took = [
            (run.end - run.start).total_seconds()
            for job in writers
            for run in job.runs
            if run.end is not None
        ]
        read = f"was last read {one.read_at:%Y-%m-%d}" if one.read_at else "was never read"
        yield Advice(
            kind="orphan_dataset",
            dataset=one.name,
            team=one.team,
            says=f"{listed(job.name for job in writers)} has written it {len(one.updates)} times "
            f"lately; it {read} by a job that is known here, and no subscription waits for it",
            fix="ask who looks at it outside (a dashboard, an export); if somebody does, let its "
            "offer or a freshness policy say so, else no longer write it",
            evidence={
                "updates": len(one.updates),
                "writtenSince": since.isoformat(),
                "readAt": one.read_at.isoformat() if one.read_at else None,
                "writtenBy": [job.name.name for job in writers],
                "runsTook": spoken(sum(took)) if took else None,
            },
            examples=[Example(f"written by {job.name.name}", job.name) for job in writers][
                :EXAMPLES
            ],
            jobs=one.writers,
            datasets=frozenset({one.id}),
        )
