"""A sensor holds a worker while it waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hub.advice.base import LEAST, Advice, Example, TaskSeen, World, pattern, spoken

#: A worker that is held for less is no loss.
LONG_S: Final = 600.0
#: Where sensors are kept whatever they are called.
_FOLDER: Final = ".sensors."


@pattern("poking_sensor", "A sensor that holds a worker")
def poking_sensor(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for task in world.tasks:
        job = world.jobs.get(task.job)
        if job is None or task.runs < LEAST or task.mean_s < LONG_S or not _pokes(task):
            continue
        held = task.runs * task.mean_s
        yield Advice(
            kind="poking_sensor",
            job=job.name,
            team=job.team,
            says=f"waits {spoken(task.mean_s)} on average, as a sensor ({task.operator.name}) that "
            "holds a worker all the while",
            fix="let the update of what it waits for launch the job, by a subscription; or set "
            "deferrable=True, or mode='reschedule', so that no worker is held",
            evidence={
                "operator": task.operator.path or task.operator.name,
                "runs": task.runs,
                "meanS": round(task.mean_s, 1),
                "workerHeldS": round(held, 1),
                "startsOfLatestRun": task.starts,
            },
            examples=[Example("its latest run", job.name, task.latest_run)],
            jobs=frozenset({job.id}),
        )


def _pokes(task: TaskSeen) -> bool:
    """One that is put off or hands over is told to start each time that it goes on."""
    operator = task.operator
    is_sensor = operator.name.endswith("Sensor") or _FOLDER in operator.path
    away = operator.deferrable or operator.mode == "reschedule" or task.starts > task.attempts
    return is_sensor and not away
