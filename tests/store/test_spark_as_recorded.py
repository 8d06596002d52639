"""Three applications as a real Spark told of them: what the hub makes of their events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.book import Book, Declared
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, get_incident, list_incidents
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.types import to_micros
from tests.support.recording import emptied, incoming
from tests.support.samples import own_events

APPLICATIONS = ("daily_orders", "bad_orders", "slow_orders")
ALL = Viewer(all=True)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    yield module_hub
    module_hub.writer.call(emptied)


def told(application: str) -> list[Row]:
    """Its events, in the order in which they came."""
    sample = f"spark/{application}.ndjson"
    return [json.loads(raw) for name, raw in own_events("spark") if name.startswith(sample)]


def record(hub: Hub, *events: Row) -> None:
    """Each is heard of when it happens."""
    for one in events:
        heard = to_micros(datetime.fromisoformat(one["eventTime"]))
        hub.writer.record([incoming(one, heard_at=heard)])


def runs(hub: Hub) -> dict[str, tuple[str, str | None, str | None]]:
    """State, message and class of the error of each job's run."""
    query = text(
        "select j.name, r.state, r.error_message, r.error_class from run r"
        " join job j on j.id = r.job_id"
    )
    with hub.db.reading() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}


def updates(hub: Hub) -> list[tuple[str, int | None]]:
    """Datasets that were written, with rows, and those that say so of themselves."""
    query = text(
        "select d.name, u.rows, d.last_update_at, u.id from dataset d"
        " left join dataset_update u on u.dataset_id = d.id order by 1"
    )
    with hub.db.reading() as connection:
        rows = connection.execute(query).all()
    assert all((row[2] is None) is (row[3] is None) for row in rows)
    return [(row[0], row[1]) for row in rows if row[2] is not None]


def watching(hub: Hub, **rule: Any) -> Watch:
    return Watch(hub.db, hub.writer, Book([Declared.model_validate(rule)]))


def incidents(hub: Hub, watch: Watch, at: datetime) -> list[IncidentView]:
    while watch.round(at, no_fence):
        pass
    with hub.db.reading() as connection:
        found = list_incidents(connection, ALL, Filter(), Page()).items
        return [get_incident(connection, ALL, one.id) for one in found]


def last(events: list[Row]) -> datetime:
    return datetime.fromisoformat(events[-1]["eventTime"])


def test_what_was_written_is_an_update_with_its_rows(hub: Hub) -> None:
    record(hub, *told("daily_orders"))
    # The command and the plan within it tell of the table, each as a run of its own.
    assert updates(hub) == [
        ("/srv/lake/by_country", 3),
        ("/srv/warehouse/totals", 2),
        ("/srv/warehouse/totals", 2),
    ]


def test_an_rdd_of_which_no_end_is_told_does_not_run_for_ever(hub: Hub) -> None:
    record(hub, *told("daily_orders"))
    found = runs(hub)
    assert found["daily_orders.map_partitions_sql_execution_map_partitions_file_scan"][0] == "NEW"
    assert {state for state, *_ in found.values()} == {"NEW", "COMPLETED"}


def test_an_action_that_failed_has_failed_though_it_completes_in_whatever_order(hub: Hub) -> None:
    action = "bad_orders.execute_insert_into_hadoop_fs_relation_command.lake_checked"
    events = told("bad_orders")
    for order in (events, events[::-1]):
        record(hub, *order)
        state, message, name = runs(hub)[action]
        assert state == "FAILED"
        assert message is not None
        assert "amount is negative" in message
        assert name == "SparkRuntimeException"
        assert updates(hub) == []
        hub.writer.call(emptied)


def test_what_was_written_before_is_not_forgotten_when_a_completion_is_taken_back(hub: Hub) -> None:
    events = told("bad_orders")
    earlier = [
        {**one, "eventTime": one["eventTime"].replace("T01:", "T00:"), "run": _anew(one["run"])}
        for one in events
        if one["eventType"] != "FAIL"
    ]
    record(hub, *earlier)
    before = updates(hub)
    assert [name for name, _ in before] == ["/srv/lake/checked"]
    failed = [one for one in events if one["eventType"] == "FAIL"]
    record(hub, *(one for one in events if one["eventType"] != "FAIL"), *failed)
    assert updates(hub) == before
    query = text("select max(d.last_update_at), max(u.at) from dataset d, dataset_update u")
    with hub.db.reading() as connection:
        (dated, wrote) = connection.execute(query).one()
    assert dated == wrote


def test_a_rule_for_actions_tells_of_the_failed_one(hub: Hub) -> None:
    events = told("bad_orders")
    record(hub, *events)
    select = {"namespace": "spark-prod", "inner": True}
    watch = watching(hub, name="actions", kind="failed_run", select=select)
    (found,) = incidents(hub, watch, last(events))
    assert found.job is not None
    assert found.job.name.endswith(".lake_checked")


def test_an_application_that_was_killed_is_stuck(hub: Hub) -> None:
    events = told("slow_orders")
    record(hub, *events)
    watch = watching(hub, name="stuck", kind="stuck")
    for hours in (0, 1, 23):
        assert incidents(hub, watch, last(events) + timedelta(hours=hours)) == []
    (found,) = incidents(hub, watch, last(events) + timedelta(hours=25))
    assert found.job is not None
    assert found.job.name == "slow_orders"


def _anew(run: Row) -> Row:
    """The same of another run."""
    raw = json.dumps(run)
    other: Row = json.loads(raw.replace(run["runId"], run["runId"].replace("01a22f", "01a22e")))
    return other
