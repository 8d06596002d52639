"""Real flows write to a metadata service, and the adapter tells of them what Metaflow's client tells.

The service is made here, for none is to be had as a package: as strict as Metaflow's client, which
writes to it and reads from it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from adapters.metaflow import Metaflow
from adapters.metaflow.config import Config
from hub.model import RunState
from hub.openlineage.decode import decode_event
from hub.ports import Asked, Grade
from tests.support.fake_metaflow import FakeMetaflow, Served
from tests.support.known import Attempt, Memory
from tests.support.made_server import ROOT, VENV

CODE = ROOT / "tests" / "real" / "metaflow_code"
PYTHON = VENV / "bin" / "python"
JOB = "churn.user.ada.Train"
Row = dict[str, Any]

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not list(VENV.glob("lib/*/site-packages/metaflow")),
        reason=f"no Metaflow in {VENV.name}: make {VENV.name} installs it",
    ),
]


class World(Struct):
    """told: what Metaflow's client says of each run. good, failed, killed, resumed: their pathspecs."""

    service: FakeMetaflow
    url: str
    told: Mapping[str, Row]
    good: str
    failed: str
    killed: str
    resumed: str


class Flows:
    """Flows that run on this computer."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._calls = count()
        self._environment = os.environ | {
            "METAFLOW_DEFAULT_METADATA": "service",
            "METAFLOW_SERVICE_URL": url,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
            "METAFLOW_HOME": str(folder),
            "METAFLOW_USER": "ada",
        }

    def run(self, tag: str, **more: str) -> str:
        """The pathspec of the run."""
        return self._flow("run", "--tag", tag, "--run-id-file", str(self._folder / tag), **more)

    def resume(self, pathspec: str) -> str:
        number, file = pathspec.partition("/")[2], str(self._folder / "resumed")
        return self._flow("resume", "--origin-run-id", number, "--run-id-file", file)

    def told(self) -> Mapping[str, Row]:
        said = self._python(CODE / "told.py", "Train")
        lines = [line for line in said.splitlines() if line.startswith("TOLD ")]
        assert lines, said
        found: Mapping[str, Row] = json.loads(lines[0].removeprefix("TOLD "))
        return found

    def _flow(self, *arguments: str, **more: str) -> str:
        said = self._python(CODE / "train.py", "--no-pylint", *arguments, **more)
        file = Path(arguments[-1])
        assert file.exists(), said
        return f"Train/{file.read_text().strip()}"

    def _python(self, *arguments: object, **more: str) -> str:
        """What it says. Into a file, for what a killed run leaves behind would hold a pipe open."""
        said = self._folder / f"said-{next(self._calls)}"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [str(PYTHON), *map(str, arguments)],
                env=self._environment | more,
                cwd=self._folder,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process.wait(120)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return said.read_text()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    service = FakeMetaflow(0)
    with Served(service) as served, ThreadPoolExecutor(3) as pool:
        flows = Flows(tmp_path_factory.mktemp("metaflow"), served.url)
        good = pool.submit(flows.run, "good")
        killed = pool.submit(flows.run, "killed", KILLS="choose")
        failed = flows.run("failed", FAILS="1")
        resumed = flows.resume(failed)
        names = (good.result(), failed, killed.result(), resumed)
        yield World(service, served.url, flows.told(), *names)


class Watch:
    """An adapter that looks, each time forty seconds later."""

    def __init__(self, url: str, looks: int = 6) -> None:
        settings = {"url": url, "artifacts": ["Train/model"]}
        self.adapter = Metaflow(Config.model_validate(settings), Asked("real", "flows"))
        self.memory = Memory()
        self.events: dict[str, Row] = {}
        cursor: Row = {}
        start = datetime.now(UTC)
        for step in range(looks):
            seen = self.adapter.observe(cursor, start + timedelta(seconds=40 * step), self.memory)
            self.memory.take(seen)
            self.events |= {json.dumps(one, sort_keys=True): one for one in seen.events}
            cursor = json.loads(json.dumps(seen.cursor))
        self.runs = {
            name.natural_id: (name.job.name, tries) for name, tries in self.memory.attempts.items()
        }

    def last(self, natural_id: str) -> Attempt:
        tries = self.runs[natural_id][1]
        return tries[max(tries)]

    def event(self, natural_id: str, kind: str) -> Row:
        """The last of that type."""
        found = [
            event
            for event in self.events.values()
            if event.get("eventType") == kind
            and event["run"]["facets"]["trackside_answer"]["naturalId"] == natural_id
        ]
        return found[-1]


@pytest.fixture(scope="module")
def watch(world: World) -> Iterator[Watch]:
    watch = Watch(world.url)
    yield watch
    watch.adapter.close()


def test_every_run_has_the_end_that_metaflows_client_tells(world: World, watch: Watch) -> None:
    assert len(world.told) == 4
    for pathspec, told in world.told.items():
        job, _ = watch.runs[pathspec]
        mine = watch.last(pathspec)
        assert job == JOB
        assert mine.state is (RunState.COMPLETED if told["successful"] else RunState.FAILED)
        assert mine.started_at == datetime.fromtimestamp(told["created_at"], UTC)
        if told["successful"]:
            assert mine.at is not None
            assert abs(mine.at.timestamp() - told["finished_at"]) < 1
    assert {watch.last(one).own_state for one in (world.good, world.resumed)} == {"completed"}
    assert watch.last(world.failed).own_state == "failed"
    assert watch.last(world.killed).own_state == "lost"


def test_every_task_has_the_attempts_that_metaflows_client_tells(
    world: World, watch: Watch
) -> None:
    tasks = {path: task for run in world.told.values() for path, task in run["tasks"].items()}
    cloned = {path for path, task in tasks.items() if task["origin"]}
    assert len(cloned) >= 1
    assert cloned.isdisjoint(watch.runs)
    for path in tasks.keys() - cloned:
        task, (job, tries) = tasks[path], watch.runs[path]
        assert job == f"{JOB}.{task['step']}"
        assert max(tries) == task["attempts"], path
        mine = watch.last(path)
        if task["successful"]:
            assert mine.state is RunState.COMPLETED, path
            assert mine.at is not None
            assert abs(mine.at.timestamp() - task["finished_at"]) < 1
        else:
            assert mine.state in {RunState.FAILED, RunState.ABORTED}, path


def test_an_attempt_that_failed_before_another_is_told_as_one_that_is_tried_again(
    world: World, watch: Watch
) -> None:
    folds = [path for path, task in world.told[world.good]["tasks"].items() if task["attempts"] > 1]
    assert len(folds) == 1
    first, second = (watch.runs[folds[0]][1][number] for number in (1, 2))
    assert (first.state, first.will_retry) == (RunState.FAILED, True)
    assert (second.state, second.will_retry) == (RunState.COMPLETED, False)


def test_a_failed_run_names_its_task_and_a_resumed_one_its_origin(
    world: World, watch: Watch
) -> None:
    error = watch.event(world.failed, "FAIL")["run"]["facets"]["errorMessage"]["message"]
    assert f"{world.failed}/fit/" in error
    assert "2 tries" in error
    facet = watch.event(world.resumed, "COMPLETE")["run"]["facets"]["metaflow_run"]
    assert facet["originRun"] == world.failed
    cloned = [one for one in world.told[world.resumed]["tasks"].values() if one["origin"]]
    assert facet["clonedTasks"] == len([one for one in cloned if one["step"] != "_parameters"])


def test_tags_owner_project_and_versions_are_told(world: World, watch: Watch) -> None:
    event = watch.event(world.good, "COMPLETE")
    told = {tag["key"] for tag in event["run"]["facets"]["tags"]["tags"]}
    assert sorted(told) == world.told[world.good]["tags"] == ["good"]
    assert event["job"]["facets"]["ownership"]["owners"] == [{"name": "ada"}]
    facet = event["run"]["facets"]["metaflow_run"]
    assert (facet["project"], facet["branch"], facet["runtime"]) == ("churn", "user.ada", "dev")
    assert facet["metaflowVersion"].startswith("2.")


def test_folds_tell_which_they_are(world: World, watch: Watch) -> None:
    folds = {
        event["run"]["facets"]["metaflow_task"]["foreachPath"]
        for event in watch.events.values()
        if event["job"]["name"] == f"{JOB}.fit"
        and event["run"]["facets"]["trackside_answer"]["naturalId"].startswith(world.good + "/")
    }
    assert folds == {"fit:0", "fit:1", "fit:2"}


def test_an_artifact_is_a_dataset_whose_version_is_its_hash(world: World, watch: Watch) -> None:
    (output,) = watch.event(world.good, "COMPLETE")["outputs"]
    assert output["name"] == "Train/model"
    assert output["facets"]["version"]["datasetVersion"] == world.told[world.good]["model"]


def test_all_events_are_understood_and_read_task_by_task_they_are_the_same(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for event in watch.events:
        assert decode_event(event.encode()).warnings == ()
    monkeypatch.setattr(world.service, "whole", False)
    other = Watch(world.url)
    other.adapter.close()
    assert set(other.events) == set(watch.events)


def test_the_connection_is_good(watch: Watch) -> None:
    assert {found.grade for found in watch.adapter.check_connection()} == {Grade.GOOD}
