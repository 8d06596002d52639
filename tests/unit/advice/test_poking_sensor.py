"""Sensors that hold workers while they wait."""

from __future__ import annotations

from typing import Any

from hub.advice.base import Advice, Operator, TaskSeen
from tests.support.advised import advice, job, world

PATH = "airflow.providers.standard.sensors.external_task.ExternalTaskSensor"
SENSOR = Operator("ExternalTaskSensor", PATH)


def found(operator: Operator = SENSOR, **more: Any) -> list[Advice]:
    told: dict[str, Any] = {"runs": 20, "mean_s": 2700.0, "latest_run": "run-1"}
    task = TaskSeen(job=1, operator=operator, **(told | more))
    return advice("poking_sensor", world([job(1, "mart.wait", schedule=None)], tasks=[task]))


def test_a_sensor_that_waits_long_and_is_started_once_holds_a_worker() -> None:
    (told,) = found()
    assert "waits 45 min on average, as a sensor (ExternalTaskSensor)" in told.says
    assert told.evidence["workerHeldS"] == 20 * 2700
    assert told.evidence["operator"] == PATH
    assert told.examples[0].run == "run-1"


def test_a_sensor_is_known_by_where_it_is_kept_whatever_its_name() -> None:
    assert found(Operator("WaitForFile", "house.sensors.files.WaitForFile"))


def test_a_sensor_that_is_deferrable_holds_none() -> None:
    assert found(Operator("ExternalTaskSensor", PATH, deferrable=True)) == []


def test_a_sensor_that_is_put_off_and_started_anew_holds_none() -> None:
    assert found(Operator("ExternalTaskSensor", PATH, mode="reschedule")) == []
    assert found(starts=9, attempts=1) == []


def test_a_sensor_that_was_tried_again_is_no_other() -> None:
    assert found(starts=2, attempts=2)


def test_what_is_no_sensor_may_take_long() -> None:
    assert (
        found(Operator("BashOperator", "airflow.providers.standard.operators.bash.BashOperator"))
        == []
    )


def test_a_short_wait_is_no_loss() -> None:
    assert found(mean_s=590.0) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert found(runs=9) == []
