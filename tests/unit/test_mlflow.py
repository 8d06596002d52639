"""Rows of MLflow as events: runs, models and what a pass brings, with recorded answers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from hub.errors import Declined
from hub.model import EntityName, RunState
from hub.openlineage.decode import decode_event
from hub.ports import LaunchRequest
from tests.support.answers import answer
from tests.support.fake_mlflow import NOW, FakeMLflow, millis, run
from tests.support.known import Attempt, Memory

Json = dict[str, Any]


class Watch:
    def __init__(self, server: FakeMLflow) -> None:
        self.adapter, self.memory = server.adapter(), Memory()
        self.cursor: Json = {}
        self.events: list[Json] = []
        self._steps = 0

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            as_of = NOW + timedelta(seconds=40 * self._steps)
            seen = self.adapter.observe(self.cursor, as_of, self.memory)
            self.memory.take(seen)
            self.cursor, self.events = seen.cursor, [*self.events, *seen.events]
            self._steps += 1

    def tries(self, job: str) -> list[Attempt]:
        found = self.memory.attempts.items()
        return [tries[1] for name, tries in found if name.job.name == job]

    def updates(self, dataset: str) -> list[Json]:
        """Outputs of that name, each told once."""
        found = {
            event["run"]["runId"]: one
            for event in self.events
            for one in event.get("outputs", ())
            if one["name"] == dataset
        }
        return list(found.values())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("SCHEDULED", RunState.NEW),
        ("RUNNING", RunState.RUNNING),
        ("FINISHED", RunState.COMPLETED),
        ("FAILED", RunState.FAILED),
        ("KILLED", RunState.ABORTED),
    ],
)
def test_every_status_is_told_with_mlflows_own_word(status: str, expected: RunState) -> None:
    server = FakeMLflow(0)
    over = {} if expected in {RunState.NEW, RunState.RUNNING} else {"end_time": millis(-10)}
    server.runs = [run(1, **{"end_time": None, "status": status, **over})]
    watch = Watch(server)
    watch.look()
    (told,) = watch.tries("churn")
    assert (told.state, told.own_state) == (expected, status)


def test_a_run_tells_what_it_was_given_what_it_measured_and_what_it_read() -> None:
    watch = Watch(FakeMLflow(1))
    watch.look()
    (event,) = [e for e in watch.events if "run" in e and e["job"]["name"] == "churn"]
    facet = event["run"]["facets"]["mlflow_run"]
    assert (facet["user"], facet["params"], facet["metrics"]) == (
        "ann",
        {"depth": "2"},
        {"score": 0.78},
    )
    (read,) = event["inputs"]
    assert (read["namespace"], read["name"]) == ("s3://lake", "customers.parquet")
    assert read["facets"]["version"]["datasetVersion"] == "1adea159"


def test_a_nested_run_stands_below_its_parent() -> None:
    server = FakeMLflow(1)
    rows = answer("mlflow/runs")["runs"]
    (parent,) = [row for row in rows if row["info"]["run_name"] == "search"]
    server.runs.append(parent)
    watch = Watch(server)
    watch.look()
    assert {told.parent for told in watch.tries("churn")} == {
        None,
        "6e1ce1fc-fff0-4613-9376-7b6805745f7d",
    }


def test_each_version_of_a_model_is_an_update_with_what_was_measured() -> None:
    server = FakeMLflow(0)
    server.runs = answer("mlflow/runs")["runs"]
    watch = Watch(server)
    watch.look(3)
    told = [decode_output(one) for one in watch.updates("models/churn")]
    assert sorted(told) == [("1", "1", 0.71), ("2", "2", 0.78)]


def decode_output(one: Json) -> tuple[str, str, float]:
    """Partition, version and score."""
    facets = one["outputFacets"]
    (part,) = facets["subset"]["outputCondition"]["partitions"]
    (score,) = facets["dataQualityAssertions"]["assertions"]
    version = one["facets"]["version"]["datasetVersion"]
    return part["identifier"], version, float(score["actual"])


def test_an_alias_that_is_moved_is_an_update_of_its_own_each_time() -> None:
    """Also back to where it was, and also to a version that the list of models does not tell."""
    server = FakeMLflow(0)
    server.runs = answer("mlflow/runs")["runs"]
    watch = Watch(server)
    watch.look(3)
    assert len(watch.updates("models/churn@champion")) == 1
    latest = server.models[0]["latest_versions"]
    server.models[0]["latest_versions"] = [one for one in latest if one["version"] == "2"]
    for version in ("2", "1", "2"):
        server.models[0]["aliases"] = [{"alias": "champion", "version": version}]
        watch.look(2)
    moved = watch.updates("models/churn@champion")
    versions = [one["facets"]["version"]["datasetVersion"] for one in moved]
    scores = [
        one["outputFacets"]["dataQualityAssertions"]["assertions"][0]["actual"] for one in moved
    ]
    assert versions == ["1", "2", "1", "2"]
    assert scores == ["0.71", "0.78", "0.71", "0.78"]


def test_a_stage_is_told_like_an_alias() -> None:
    watch = Watch(FakeMLflow(0))
    watch.look(2)
    (told,) = watch.updates("models/churn/Production")
    assert told["facets"]["version"]["datasetVersion"] == "1"


def test_what_was_measured_is_what_the_hub_reads_as_metrics() -> None:
    server = FakeMLflow(0)
    server.runs = answer("mlflow/runs")["runs"]
    watch = Watch(server)
    watch.look(2)
    (event,) = [e for e in watch.events if e.get("job", {}).get("name") == "models/churn@champion"][
        :1
    ]
    told = decode_event(json.dumps(event).encode())
    (model,) = [one for one in told.datasets if one.name.name == "models/churn@champion"]
    assert [(check.name, check.actual) for check in model.checks] == [("score", "0.71")]


def test_a_run_that_was_deleted_while_it_ran_ends() -> None:
    server = FakeMLflow(0)
    server.runs = [run(1, status="RUNNING", end_time=None)]
    watch = Watch(server)
    watch.look()
    server.runs = []
    watch.look(6)
    (told,) = watch.tries("churn")
    assert (told.state, told.own_state) == (RunState.ABORTED, "deleted")


def test_runs_that_ended_in_the_same_millisecond_are_all_seen() -> None:
    server = FakeMLflow(70, cap=20)
    for row in server.runs:
        row["info"]["end_time"] = millis(-100)
    watch = Watch(server)
    watch.look(8)
    assert len(watch.tries("churn")) == 70


def test_what_is_no_number_is_no_metric() -> None:
    server = FakeMLflow(1)
    metric = {"key": "loss", "value": "NaN", "step": 1}
    server.runs[0] = {**server.runs[0], "data": {"metrics": [metric]}}
    watch = Watch(server)
    watch.look()
    (event,) = [e for e in watch.events if "run" in e and e["job"]["name"] == "churn"]
    assert "metrics" not in event["run"]["facets"]["mlflow_run"]


def test_nothing_can_be_started() -> None:
    request = LaunchRequest("key-1", EntityName("space", "churn"))
    with pytest.raises(Declined, match="starts no jobs of MLflow"):
        FakeMLflow().adapter().launch(request)
