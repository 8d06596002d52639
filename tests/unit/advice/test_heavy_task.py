"""Much data in the orchestrator's own process, or handed over through XCom."""

from __future__ import annotations

from typing import Any

from hub.advice.base import Advice, DatasetSeen, Operator, TaskSeen
from tests.support.advised import advice, daily, dataset, ends, job, updates, world

PYTHON = Operator("PythonOperator", "airflow.providers.standard.operators.python.PythonOperator")


def found(operator: Operator = PYTHON, **more: Any) -> list[Advice]:
    told: dict[str, Any] = {"runs": 12, "median_bytes": 3_200_000_000}
    task = TaskSeen(job=1, operator=operator, **(told | more))
    return advice("heavy_task", world([job(1, "etl.pandas", schedule=None)], tasks=[task]))


def test_a_python_task_that_writes_gigabytes_is_told() -> None:
    (told,) = found()
    assert "3,200 MB in a run by its PythonOperator" in told.says


def test_an_operator_that_lets_an_engine_work_may_write_as_much() -> None:
    assert found(Operator("SparkSubmitOperator")) == []


def test_less_than_a_gigabyte_is_not_told() -> None:
    assert found(median_bytes=999_000_000) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert found(runs=9) == []


def handed(name: str, size: int | None, count: int = 20) -> list[Advice]:
    one: DatasetSeen = dataset(
        10, name, updates=updates(ends(daily(1))[:count], bytes=size), writers=frozenset({1})
    )
    return advice("heavy_task", world([job(1, "etl.extract")], [one]))


def test_what_is_handed_over_through_xcom_by_the_megabyte_is_told() -> None:
    (told,) = handed("lake/xcom/etl/extract", 48_000_000)
    assert "through XCom by etl.extract, 48 MB at a time" in told.says


def test_small_things_and_other_folders_and_unknown_sizes_are_not_told() -> None:
    assert handed("lake/xcom/etl/extract", 1_000_000) == []
    assert handed("lake/xcomplete/etl", 48_000_000) == []
    assert handed("lake/xcom/etl/extract", None) == []
    assert handed("lake/xcom/etl/extract", 48_000_000, 9) == []
