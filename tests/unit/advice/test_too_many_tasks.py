"""Jobs of hundreds of tasks."""

from __future__ import annotations

from typing import Any

from hub.model import EntityName, RunState
from tests.support.advised import advice, daily, dataset, job, world

NAMES = [EntityName("airflow", f"big.t{n}") for n in range(5)]


def found(**more: Any) -> list[Any]:
    told: dict[str, Any] = {"runs": daily(1), "tasks": 340, "task_names": NAMES}
    big = job(1, "big", writes=frozenset({10}), **(told | more))
    return advice("too_many_tasks", world([big], [dataset(10, "orders")]))


def test_a_job_of_hundreds_of_tasks_is_told_with_how_its_runs_end() -> None:
    runs = [*daily(1, days=range(16)), *daily(1, days=range(16, 20), state=RunState.FAILED)]
    (told,) = found(runs=runs)
    assert told.evidence == {"tasks": 340, "datasetsWritten": 1, "runs": 20, "failedRuns": 4}
    assert "it writes orders" in told.fix
    assert len(told.examples) == 3


def test_a_job_of_some_dozens_is_not_told() -> None:
    assert found(tasks=199) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert found(runs=daily(1, days=range(9))) == []
