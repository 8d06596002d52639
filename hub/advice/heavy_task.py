"""Much data goes through the orchestrator itself: its own process, or what its tasks hand over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Final

from hub.advice.base import (
    EXAMPLES,
    LEAST,
    Advice,
    DatasetSeen,
    Example,
    TaskSeen,
    World,
    listed,
    pattern,
)

#: More than this in a worker's memory, and one task starves those beside it.
HEAVY: Final = 1_000_000_000
#: What tasks hand to each other is read and written whole, by the orchestrator's own code.
HANDED: Final = 10_000_000
#: Operators that run a function of the worker's own process.
_OWN: Final = frozenset(
    {"PythonOperator", "_PythonDecoratedOperator", "BranchPythonOperator", "ShortCircuitOperator"}
)
_MEGA: Final = 1_000_000


@pattern("heavy_task", "Much data in the orchestrator itself")
def heavy_task(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for task in world.tasks:
        own = task.operator.name in _OWN
        if own and task.runs >= LEAST and task.median_bytes >= HEAVY and task.job in world.jobs:
            yield _in_process(world, task)
    for one in world.datasets.values():
        if _is_handed_over(one) and one.writers:
            sizes = [update.bytes for update in one.updates if update.bytes is not None]
            if len(sizes) >= LEAST and median(sizes) >= HANDED:
                yield _through_xcom(world, one, int(median(sizes)), len(sizes))


def _is_handed_over(one: DatasetSeen) -> bool:
    """XComs that are kept outside lie in a folder of that name."""
    return any(part.lower() in {"xcom", "xcoms"} for part in one.name.name.split("/"))


def _in_process(world: World, task: TaskSeen) -> Advice:
    job = world.jobs[task.job]
    return Advice(
        kind="heavy_task",
        job=job.name,
        team=job.team,
        says=f"writes {task.median_bytes / _MEGA:,.0f} MB in a run by its {task.operator.name}, "
        "which works in the process of an Airflow worker",
        fix="let an engine do it (SQL in the warehouse, Spark, a pod of its own), and the task only "
        "start it and wait",
        evidence={
            "operator": task.operator.path or task.operator.name,
            "runs": task.runs,
            "medianBytes": task.median_bytes,
        },
        examples=[Example("its latest run", job.name, task.latest_run)],
        jobs=frozenset({job.id}),
    )


def _through_xcom(world: World, one: DatasetSeen, size: int, updates: int) -> Advice:
    writers = [world.jobs[key].name for key in sorted(one.writers)]
    return Advice(
        kind="heavy_task",
        dataset=one.name,
        team=one.team,
        says=f"is handed over through XCom by {listed(writers)}, {size / _MEGA:,.0f} MB at a time",
        fix="write it as a dataset of its own, and hand over where it is",
        evidence={"updates": updates, "medianBytes": size, "writtenBy": [n.name for n in writers]},
        examples=[Example(f"written by {name.name}", name) for name in writers][:EXAMPLES],
        jobs=one.writers,
        datasets=frozenset({one.id}),
    )
