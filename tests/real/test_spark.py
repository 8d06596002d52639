"""A real Spark with OpenLineage's listener sends to a real hub: `make spark`.

It is too heavy for every check; what it sent is recorded in tests/payloads/spark, which every check
replays.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from msgspec import Struct

from tests.support.hub_process import HubProcess
from tests.support.maven import jars

ROOT: Final = Path(__file__).parents[2]
VENV: Final = ROOT / ".venv-spark"
LISTENER: Final = (ROOT / ".spark" / "1.53.0", "io.openlineage", "openlineage-spark_2.13")
SPACE: Final = "spark-prod"
HOUSE: Final = {
    "version": 1,
    "rules": [
        {
            "name": "failed-action",
            "kind": "failed_run",
            "select": {"namespace": SPACE, "inner": True},
        }
    ],
}
Row = dict[str, Any]

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (VENV / "bin" / "spark-submit").exists(),
        reason=f"no Spark in {VENV.name}: make spark installs it, and runs this",
    ),
]


class Seen(Struct):
    """lake: the folder of its files. runs: by job, the first first."""

    folder: Path
    lake: Path
    runs: Mapping[str, list[Row]]
    jobs: Mapping[str, Row]
    updates: Mapping[str, list[Row]]
    datasets: Mapping[str, Row]
    columns: Row
    table: Row
    incidents: list[Row]
    events: int

    def one(self, job: str) -> Row:
        (run,) = self.runs[job]
        return run


def submit(folder: Path, hub: HubProcess) -> subprocess.Popen[bytes]:
    """The lines of docs/how-to/spark.md, and a JVM that is soon there."""
    conf = {
        "spark.extraListeners": "io.openlineage.spark.agent.OpenLineageSparkListener",
        "spark.openlineage.transport.type": "http",
        "spark.openlineage.transport.url": hub.url,
        "spark.openlineage.namespace": SPACE,
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    told = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    (jar,) = jars(*LISTENER).glob("*.jar")
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    program = ROOT / "tests" / "real" / "spark_code" / "orders.py"
    with (folder / "spark.log").open("wb") as out:
        return subprocess.Popen(
            [
                str(VENV / "bin" / "spark-submit"),
                *("--master", "local[2]", "--driver-memory", "512m"),
                *("--driver-java-options", quick, "--jars", str(jar), *told),
                *(str(program), str(folder / "lake")),
            ],
            cwd=folder,
            env=os.environ | {"PYSPARK_PYTHON": str(VENV / "bin" / "python")},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    jars(*LISTENER)
    folder = tmp_path_factory.mktemp("spark")
    (folder / "lake").mkdir()
    (folder / "trackside.yaml").write_text(json.dumps(HOUSE))
    with HubProcess(folder) as hub:
        spark = submit(folder, hub)
        try:
            until(lambda: is_slow(hub), spark, folder)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(spark.pid, signal.SIGKILL)
            spark.wait(10)
        until(lambda: get(hub, "incidents")["incidents"], None, folder)
        yield look(hub, folder)


def is_slow(hub: HubProcess) -> bool:
    """Whether the last application is at work."""
    jobs = get(hub, f"namespaces/{SPACE}/jobs?limit=100")["jobs"]
    return any(
        job["name"].startswith("slow_orders.execute") and job["latestRun"]["state"] == "RUNNING"
        for job in jobs
    )


def look(hub: HubProcess, folder: Path) -> Seen:
    lake = folder / "lake"
    jobs = get(hub, f"namespaces/{SPACE}/jobs?limit=100")["jobs"]
    datasets = get(hub, "namespaces/file/datasets?limit=100")["datasets"]
    names = [one["name"] for one in datasets]
    totals = f"dataset:file:{folder}/warehouse/totals"
    warehouse = quote(f"file:{folder}/warehouse", safe="")
    return Seen(
        folder=folder,
        lake=lake,
        jobs={job["name"]: job for job in jobs},
        runs={
            job["name"]: sorted(
                get(hub, f"namespaces/{SPACE}/jobs/{quote(job['name'], safe='')}/runs")["runs"],
                key=lambda run: str(run["createdAt"]),
            )
            for job in jobs
        },
        updates={
            name: get(hub, f"namespaces/file/datasets/{quote(name, safe='')}/updates")["updates"]
            for name in names
        },
        datasets={one["name"]: one for one in datasets},
        columns=get(hub, f"column-lineage?nodeId={quote(totals, safe='')}&depth=5"),
        table=get(hub, f"namespaces/{warehouse}/datasets/default.totals"),
        incidents=get(hub, "incidents")["incidents"],
        events=len(get(hub, "events/lineage?limit=500")["events"]),
    )


def get(hub: HubProcess, path: str) -> Any:
    answer = httpx.get(f"{hub.url}/api/v1/{path}", timeout=30)
    answer.raise_for_status()
    return answer.json()


def until(
    there: Callable[[], Any],
    process: subprocess.Popen[bytes] | None,
    folder: Path,
    timeout_s: float = 150,
) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and (process is None or process.poll() is None):
        with suppress(httpx.HTTPStatusError):
            if there():
                return
        time.sleep(0.3)
    raise AssertionError((folder / "spark.log").read_text()[-3000:])


def test_an_application_is_a_job_and_its_actions_are_parts_of_it(seen: Seen) -> None:
    for job, row in seen.jobs.items():
        application, dot, _ = job.partition(".")
        assert row["parentJobName"] == (application if dot else None)
        if dot:
            parent = seen.one(application)["id"]
            assert {run["parentRunId"] for run in seen.runs[job]} == {parent}
    assert {name for name in seen.jobs if "." not in name} == {
        "daily_orders",
        "bad_orders",
        "slow_orders",
    }


def test_each_action_is_one_run_however_many_events_told_of_it(seen: Seen) -> None:
    runs = [run for found in seen.runs.values() for run in found]
    assert len({run["id"] for run in runs}) == len(runs)
    assert seen.events > len(runs) * 1.5
    assert seen.one("daily_orders")["state"] == "COMPLETED"
    assert seen.one("daily_orders.adaptive_spark_plan.lake_by_country")["state"] == "COMPLETED"


def test_what_an_rdd_tells_no_end_of_does_not_run_for_ever(seen: Seen) -> None:
    states = {
        run["state"] for job, runs in seen.runs.items() for run in runs if "map_partitions" in job
    }
    assert states == {"NEW"}


def test_the_engine_and_its_version_are_told(seen: Seen) -> None:
    engine = seen.one("daily_orders")["facets"]["processing_engine"]
    assert (engine["name"], engine["version"][:2]) == ("spark", "4.")


def test_what_was_written_is_told_with_its_size_and_columns(seen: Seen) -> None:
    written = f"{seen.lake}/by_country"
    (update,) = seen.updates[written]
    assert (update["rows"], update["bytes"] > 500, update["files"] > 0) == (3, True, True)
    columns = {one["name"]: one["type"] for one in seen.datasets[written]["fields"]}
    assert columns == {"order_id": "integer", "amount": "double", "country": "string"}


def test_columns_are_followed_through_both_applications_files(seen: Seen) -> None:
    fields = {node["id"] for node in seen.columns["graph"]}
    assert any(one.endswith("orders.csv:amount") for one in fields), fields
    assert any(one.endswith("customers.csv:country") for one in fields), fields


def test_a_table_answers_by_its_name_too(seen: Seen) -> None:
    assert seen.table["name"] in {"default.totals", f"{seen.folder}/warehouse/totals"}
    assert {one["name"] for one in seen.table["fields"]} == {"country", "total"}


def test_an_action_that_fails_has_failed_though_spark_says_that_it_is_complete(
    seen: Seen,
) -> None:
    failed = seen.one("bad_orders.execute_insert_into_hadoop_fs_relation_command.lake_checked")
    assert failed["state"] == "FAILED"
    assert "amount is negative" in failed["errorMessage"]
    assert failed["errorClass"] == "SparkRuntimeException"
    assert seen.updates[f"{seen.lake}/checked"] == []
    (incident,) = [one for one in seen.incidents if one["rule"] == "failed-action"]
    assert "lake_checked" in json.dumps(incident)


def test_an_application_that_was_killed_runs_on_until_it_is_stuck(seen: Seen) -> None:
    """When that is: tests/store/test_spark_as_recorded.py."""
    assert seen.one("slow_orders")["state"] == "RUNNING"
