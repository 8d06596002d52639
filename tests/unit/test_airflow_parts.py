"""What the Airflow adapter sees besides runs: backlog, health, Dags, assets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from adapters.airflow import assets, backlog, dag_health, health, inventory
from adapters.airflow.api import Api
from adapters.airflow.checksums import checksum, pack, unpack
from adapters.airflow.config import Config
from adapters.airflow.site import Site
from adapters.airflow.wire import Dag
from adapters.base.lineage import dataset_of
from adapters.base.parts import Look
from hub.model import BacklogObserved, EntityName, HealthObserved, ScheduleObserved
from tests.support.answers import answer
from tests.support.fake_airflow import NOW, FakeAirflow, dag_run, stamp, task
from tests.support.known import Memory

SPACE = "af"


class Answers(FakeAirflow):
    """The fake with some of its answers replaced, and what was asked for."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.fixed: dict[str, Any] = {}

    def _fixed(self, request: httpx.Request, path: str) -> httpx.Response:
        if path in self.fixed:
            return self._json(self.fixed[path])
        return super()._fixed(request, path)


def site(server: FakeAirflow) -> Site:
    config = Config(url="http://airflow")
    api = Api(config, transport=httpx.MockTransport(server), sleep=lambda _: None)
    return Site(api, SPACE, NOW, Memory())


def health_of(look: Look) -> dict[str, tuple[str, str | None]]:
    return {
        seen.part: (seen.status.value, seen.detail)
        for seen in look.observations
        if isinstance(seen, HealthObserved)
    }


# -- backlog ---------------------------------------------------------------------------------------


def pools(server: FakeAirflow, state: Any = None) -> dict[str, BacklogObserved]:
    look = backlog.look(site(server), state or {})
    return {seen.pool: seen for seen in look.observations if isinstance(seen, BacklogObserved)}


def test_a_pools_backlog_is_what_is_scheduled_and_queued() -> None:
    found = pools(Answers())
    assert (found["tiny"].queued, found["tiny"].running, found["tiny"].capacity) == (9, 0, 1)
    assert (found["zero"].queued, found["zero"].capacity) == (1, 0)
    assert found["default_pool"].capacity == 128


def test_the_oldest_wait_counts_from_when_a_task_was_scheduled() -> None:
    server = Answers()
    server.tasks = [
        task(0, state="scheduled", pool="tiny", scheduled_when=stamp(-300), queued_when=None),
        task(1, state="queued", pool="tiny", scheduled_when=stamp(-20), queued_when=stamp(-10)),
        task(2, state="success", pool="tiny", scheduled_when=stamp(-900)),
    ]
    assert pools(server)["tiny"].oldest_wait_s == 300


def test_a_pool_that_does_not_exist_is_told_and_told_to_be_empty_again() -> None:
    server = Answers()
    server.tasks = [task(0, state="scheduled", pool="nowhere", scheduled_when=stamp(-60))]
    look = backlog.look(site(server), {})
    mine = [seen for seen in look.observations if getattr(seen, "pool", "") == "nowhere"]
    assert mine == [BacklogObserved("nowhere", 1, NOW, 0, 0, 60.0)]
    server.tasks = []
    assert pools(server, look.state)["nowhere"].queued == 0


def test_a_pool_without_a_limit_has_no_capacity() -> None:
    server = Answers()
    server.fixed["/pools"] = {"pools": [{"name": "sea", "slots": -1}], "total_entries": 1}
    assert pools(server)["sea"].capacity is None


def test_dag_runs_that_wait_for_their_turn_are_backlog_too() -> None:
    server = Answers()
    server.runs = [dag_run(0, state="queued", queued_at=stamp(-90), run_after=stamp(-100))]
    found = pools(server)["dag runs"]
    assert (found.queued, found.oldest_wait_s) == (1, 90)


def test_runs_that_are_meant_for_later_are_not_asked_for() -> None:
    server = Answers()
    pools(server)
    queries = [request.url.params for request in server.asked if "state=queued" in str(request.url)]
    assert [query["run_after_lte"] for query in queries] == ["2026-11-22T12:00:00Z"]


# -- health ----------------------------------------------------------------------------------------


def test_a_dead_scheduler_is_seen_through_the_status_200() -> None:
    server = Answers()
    server.fixed["/monitor/health"] = answer("airflow/v2/02_health_scheduler_dead")
    found = health_of(health.look(site(server), {}))
    beat = "no heartbeat since 2026-11-22T06:41:10.417861+00:00"
    assert found["scheduler"] == ("DOWN", beat)
    assert found["triggerer"] == ("HEALTHY", None)
    assert found[""] == ("DEGRADED", f"scheduler: {beat}")


def test_a_part_that_airflow_does_not_have_is_no_illness() -> None:
    server = Answers()
    server.fixed["/monitor/health"] = answer("airflow/v1/02_health")
    found = health_of(health.look(site(server), {}))
    assert set(found) == {"", "metadatabase", "scheduler"}
    assert found[""] == ("HEALTHY", None)


# -- Dags ------------------------------------------------------------------------------------------


def dags(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"dags": list(rows), "total_entries": len(rows)}


def dag(name: str, **fields: Any) -> dict[str, Any]:
    return {"dag_id": name, "is_paused": False, "owners": ["alice"], "fileloc": "/d.py", **fields}


def test_details_are_asked_for_only_where_something_changed() -> None:
    server = Answers()
    server.fixed["/dags"] = dags(dag("a"), dag("b"))
    first = inventory.look(site(server), {})
    assert len([seen for seen in first.observations if isinstance(seen, ScheduleObserved)]) == 2
    server.asked.clear()
    second = inventory.look(site(server), first.state)
    assert not second.events
    assert len(server.asked) == 4  # version, login, Dag versions, the list
    server.fixed["/dags"] = dags(dag("a"), dag("b", is_paused=True, next_dagrun_run_after=stamp(1)))
    third = inventory.look(site(server), second.state)
    assert [seen.job.name for seen in third.observations if isinstance(seen, ScheduleObserved)] == [
        "b"
    ]


def test_a_dag_with_a_new_version_is_described_anew() -> None:
    server = Answers()
    server.fixed["/dags"] = dags(dag("a"), dag("b"))
    versions = {"dag_versions": [{"id": "01a", "dag_id": "a"}], "total_entries": 1}
    server.fixed["/dags/~/dagVersions"] = versions
    first = inventory.look(site(server), {})
    versions["dag_versions"] = [{"id": "01b", "dag_id": "b"}]
    second = inventory.look(site(server), first.state)
    assert {event["job"]["name"] for event in second.events if "." not in event["job"]["name"]} == {
        "b"
    }
    assert not inventory.look(site(server), second.state).events


def test_many_new_dags_are_described_some_at_a_time() -> None:
    server = Answers()
    server.fixed["/dags"] = dags(*(dag(f"d{n:02}") for n in range(50)))
    state: dict[str, Any] = {}
    described: list[str] = []
    more = []
    for _ in range(3):
        look = inventory.look(site(server), state)
        described += [s.job.name for s in look.observations if isinstance(s, ScheduleObserved)]
        state = dict(look.state)
        more.append(look.more)
    assert described == [f"d{n:02}" for n in range(50)]
    assert more == [True, True, False]


def test_many_old_dags_are_looked_through_a_page_per_poll() -> None:
    server = Answers()
    rows = [dag(f"d{n:03}", is_paused=None) for n in range(250)]
    server._fixed = lambda request, path: _dags_page(server, request, rows)  # type: ignore[method-assign]
    state: dict[str, Any] = {"seen": pack(checksum(msgspec.convert(row, Dag)) for row in rows)}
    looks = []
    for _ in range(3):
        looks.append(inventory.look(site(server), state))
        state = dict(looks[-1].state)
    assert [(look.more, look.soon) for look in looks] == [
        (False, True),
        (False, True),
        (False, False),
    ]
    assert not [event for look in looks for event in look.events]


def _dags_page(server: Answers, request: httpx.Request, rows: list[Any]) -> httpx.Response:
    if request.url.path.endswith("/dagVersions"):
        return server._json({"dag_versions": [], "total_entries": 0})
    first = int(request.url.params["offset"])
    return server._json({"dags": rows[first : first + 100], "total_entries": len(rows)})


def test_jobs_tell_kind_owners_tags_and_what_is_written_about_them() -> None:
    facets = inventory.job_facets("DAG", ["bob"], ["team:x"], "All of it")
    assert facets["jobType"]["jobType"] == "DAG"
    assert facets["ownership"]["owners"] == [{"name": "bob"}]
    assert facets["tags"]["tags"] == [{"key": "team:x", "value": "team:x", "source": "AIRFLOW"}]
    assert facets["documentation"]["description"] == "All of it"


def rounds(server: Answers, *lists: dict[str, Any]) -> list[dict[str, tuple[str, str | None]]]:
    """What is told of health in one round of the inventory after another."""
    told, state = [], dict[str, Any]()
    for rows in lists:
        server.fixed["/dags"] = rows
        look = inventory.look(site(server), state)
        told.append(health_of(look))
        state = dict(look.state)
    return told


def test_a_dag_that_vanishes_from_its_file_is_degraded_until_it_is_back() -> None:
    told = rounds(
        Answers(),
        dags(dag("a")),
        dags(dag("a", is_stale=True)),
        dags(dag("a", is_stale=True)),
        dags(dag("a")),
    )
    assert told == [
        {},
        {"dag a": ("DEGRADED", "its file no longer defines it: /d.py")},
        {},
        {"dag a": ("HEALTHY", None)},
    ]


def test_a_dag_whose_file_can_not_be_imported_is_degraded_until_it_is_deleted() -> None:
    broken = dag("a", is_stale=True, has_import_errors=True)
    told = rounds(Answers(), dags(broken), dags())
    assert told[0]["dag a"][0] == "DEGRADED"
    assert told[1]["dag a"] == ("HEALTHY", None)


def test_what_vanished_long_before_we_looked_is_history() -> None:
    gone = dag("a", is_stale=True)
    server = Answers()
    assert rounds(server, dags(gone), dags(gone)) == [{}, {}]
    assert not [path for path in server.paths() if path.endswith("/details")]


def test_a_file_that_can_not_be_imported_is_degraded_with_the_reason() -> None:
    server = Answers()
    look = dag_health.files(site(server), {})
    assert health_of(look)["file broken.py"] == (
        "DEGRADED",
        "ModuleNotFoundError: No module named 'no_such_module_xyz'",
    )
    server.fixed["/importErrors"] = {"import_errors": [], "total_entries": 0}
    mended = health_of(dag_health.files(site(server), look.state))
    assert mended == {"file broken.py": ("HEALTHY", None), "file deadline.py": ("HEALTHY", None)}


def test_checksums_survive_the_cursor() -> None:
    sums = {0, 7, 2**32 - 1}
    assert unpack(pack(sums)) == sums
    assert unpack("") == set()


# -- assets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("postgres://dwh:5432/db/public/orders", ("postgres://dwh:5432", "db.public.orders")),
        ("postgres://dwh/db/public/orders", ("postgres://dwh:5432", "db.public.orders")),
        ("file:///shop/orders.parquet", ("file", "/shop/orders.parquet")),
        ("s3://lake/raw/orders.parquet", ("s3://lake", "raw/orders.parquet")),
        ("gs://lake/raw", ("gs://lake", "raw")),
        ("postgres://dwh:5432/db", None),
        ("x-custom://what/ever", None),
        ("just a name", None),
        ("postgres://dwh:port/db/public/orders", None),
    ],
)
def test_an_asset_is_a_dataset_if_its_name_is_certain(
    uri: str, name: tuple[str, str] | None
) -> None:
    assert dataset_of(uri) == (EntityName(*name) if name else None)


def test_tasks_are_told_with_what_they_are_declared_to_write_and_read() -> None:
    events = assets.look(site(Answers()), {}).events
    written = {(e["job"]["name"], d["name"]) for e in events for d in e.get("outputs", [])}
    read = {(e["job"]["name"], d["name"]) for e in events for d in e.get("inputs", [])}
    assert ("asset_producer.produce", "db.public.orders") in written
    assert ("cron_etl.clean", "raw/orders.parquet") in read


def test_an_asset_event_is_an_output_of_the_run_that_made_it() -> None:
    server = Answers()
    run = "scheduled__2026-11-22T06:48:00+00:00"
    server.tasks = [task(0, dag_id="cron_etl", task_id="clean", dag_run_id=run)]
    look = assets.written(site(server), {}, timedelta(days=1))
    assert [
        (event["eventType"], event["job"]["name"], [d["name"] for d in event["outputs"]])
        for event in look.events
    ] == [("COMPLETE", "cron_etl.clean", ["clean/orders.parquet"])]
    assert not assets.written(site(server), look.state, timedelta(days=1)).events


def test_an_asset_event_of_a_partition_tells_of_which() -> None:
    server = Answers()
    run = "scheduled__2026-11-22T06:48:00+00:00"
    server.tasks = [task(0, dag_id="cron_etl", task_id="clean", dag_run_id=run)]
    told = answer("airflow/v2/22_asset_events")
    server.fixed["/assets/events"] = {
        **told,
        "asset_events": [{**row, "partition_key": "2026-11-22"} for row in told["asset_events"]],
    }
    (event,) = assets.written(site(server), {}, timedelta(days=1)).events
    assert event["run"]["facets"]["trackside_answer"]["partition"] == "2026-11-22"
