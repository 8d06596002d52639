"""One job of hundreds of tasks: what fails in one place holds up all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hub.advice.base import EXAMPLES, LEAST, Advice, Example, World, listed, pattern

#: From about here schedulers slow down, graphs can't be read, and no run goes through whole.
MANY: Final = 200


@pattern("too_many_tasks", "One job of hundreds of tasks")
def too_many_tasks(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for job in world.jobs.values():
        if job.tasks < MANY or len(job.runs) < LEAST:
            continue
        failed = [run for run in job.runs if run.state in {"FAILED", "ABORTED"}]
        written = [world.datasets[key].name for key in job.writes]
        yield Advice(
            kind="too_many_tasks",
            job=job.name,
            team=job.team,
            says=f"has {job.tasks} tasks and writes {len(written)} datasets; "
            f"{len(failed)} of its {len(job.runs)} latest runs did not go through",
            fix="cut it into jobs that write a few datasets each "
            + (f"(it writes {listed(written)}) " if written else "")
            + "and join them by subscriptions on those datasets: each is run, tried again and made "
            "anew by itself, and belongs to one team",
            evidence={
                "tasks": job.tasks,
                "datasetsWritten": len(written),
                "runs": len(job.runs),
                "failedRuns": len(failed),
            },
            examples=[Example(f"task {name.name}", name) for name in job.task_names[:EXAMPLES]],
            jobs=frozenset({job.id}),
            datasets=job.writes,
        )
