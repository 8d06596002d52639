"""Conditions as the trigger loop meets them: time, gates, symlinks, circles, and the past rehearsed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select, update

from hub.store.db import Database
from hub.store.tables import dataset, incident, incident_transition
from hub.triggers.circles import circle_text
from hub.triggers.dry_run import dry_run
from tests.support.recording import run_event
from tests.support.triggers import BEGIN, Station, spec


@pytest.fixture
def it(db: Database) -> Station:
    return Station(db)


def test_time_alone_launches_what_waits_for_nothing_but_time(it: Station) -> None:
    it.subscribe("db/a debounce 5m")
    it.updated("a")
    it.at(60)
    it.updated("a")
    it.at(61)
    (stand,) = it.stands()
    assert stand.due_at == BEGIN + timedelta(seconds=360)
    it.at(359)
    assert it.launches() == []
    it.at(360)
    assert [len(cause) for cause in it.causes()] == [2]


def test_what_is_there_is_launched_by_the_time_and_says_what_is_missing(it: Station) -> None:
    it.subscribe("all(db/a, db/b) by 07:00")
    it.updated("a")
    it.at(6 * 3600)
    assert it.launches() == []
    it.at(7 * 3600)
    (one,) = it.launches()
    assert "1 of 2" in one["note"]
    assert "db/b is missing" in one["note"]


def test_updates_wait_until_their_gate_opens(it: Station) -> None:
    it.subscribe("db/a gate(checks passed)")
    it.hear(checked(it, 1, success=False))
    it.at(1)
    assert it.launches() == []
    assert it.arrivals()[0].fate == "waiting"
    assert "gate" in (it.arrivals()[0].reason or "")
    it.hear(checked(it, 2, success=True))
    it.at(600)
    assert len(it.launches()) == 1


def checked(it: Station, run: int, *, success: bool) -> dict:
    """A run that has written a, and checked it."""
    output = {"namespace": "db", "name": "a", "facets": assertion(success=success)}
    event = run_event("COMPLETE", 0, run, outputs=[output])
    return {**event, "eventTime": (it.now + timedelta(seconds=run)).isoformat()}


def only_checked(it: Station, run: int, *, success: bool, **facets: dict) -> dict:
    """A run that has checked a, and written nothing."""
    told = {"namespace": "db", "name": "a", "inputFacets": assertion(success=success)}
    told |= {"facets": facets}
    event = run_event("COMPLETE", 0, run, job="checker", inputs=[told])
    return {**event, "eventTime": (it.now + timedelta(seconds=run)).isoformat()}


def assertion(*, success: bool) -> dict:
    told = [{"assertion": "not_null", "success": success, "column": "id"}]
    return {"dataQualityAssertions": {"assertions": told}}


def test_a_check_that_reports_later_by_itself_opens_the_gate(it: Station) -> None:
    it.subscribe("db/a gate(checks passed)")
    it.hear(checked(it, 1, success=False))
    it.at(1)
    it.hear(only_checked(it, 2, success=False))
    it.at(10)
    assert it.launches() == []
    it.restart()
    it.hear(only_checked(it, 3, success=True))
    it.at(20)
    assert it.causes() == [[it.arrivals()[0].update]]
    it.hear(only_checked(it, 4, success=False))
    it.hear(only_checked(it, 5, success=True))
    it.at(30)
    assert len(it.launches()) == 1


def test_a_check_of_one_partition_launches_what_waits_for_that_one_alone(it: Station) -> None:
    it.subscribe("db/a gate(checks passed)", partitions="identity")
    for run, day in ((1, "2026-11-22"), (2, "2026-11-23")):
        told = {**assertion(success=False), "hub_dagster_asset": {"partition": day}}
        output = {"namespace": "db", "name": "a", "facets": told}
        it.hear(
            {**run_event("COMPLETE", 0, run, outputs=[output]), "eventTime": it.now.isoformat()}
        )
    it.at(1)
    assert it.launches() == []
    facet = {"partition": "2026-11-23"}
    it.hear(only_checked(it, 3, success=True, hub_dagster_asset=facet))
    it.at(10)
    assert it.partitions() == ["2026-11-23"]


def test_an_incident_that_is_over_opens_the_gate(it: Station) -> None:
    it.subscribe("db/a gate(no open incident)")
    it.updated("a")
    it.write(file_incident_of_a)
    it.write(lambda connection: note_step(connection, 1, it.now, "OPEN"))
    it.at(1)
    assert it.launches() == []
    it.write(lambda connection: note_step(connection, 2, it.now, "RESOLVED"))
    it.at(10)
    assert it.causes() == [[it.arrivals()[0].update]]


def test_a_symlink_and_what_it_stands_for_are_one_dataset(it: Station) -> None:
    it.subscribe("hive/orders")
    link = {"symlinks": {"identifiers": [{"namespace": "hive", "name": "orders", "type": "TABLE"}]}}
    it.updated({"namespace": "s3", "name": "lake/orders", "facets": link})
    it.at(1)
    assert len(it.launches()) == 1
    assert str(it.arrivals()[0].dataset.name) == "orders"
    it.updated({"namespace": "s3", "name": "lake/orders", "facets": {}})
    it.at(2)
    assert len(it.launches()) == 2


def test_a_circle_is_found_through_jobs_and_other_subscriptions(it: Station) -> None:
    it.hear(ran("airflow", "mart", ["a"], ["b"]))
    it.hear(ran("dagster", "model", ["c"], ["d"]))
    it.hear(ran("cron", "report", ["d"], ["e"]))
    it.subscribe("db/b", name="other", launch={"orchestrator": "dagster", "job": "model"})
    with it.db.reading() as connection:
        assert circle_text(connection, spec("db/x")) is None
        assert circle_text(connection, spec("db/e")) == (
            "it would launch itself again and again: subscription s -> job airflow/mart -> "
            "dataset db/b -> subscription other -> job dagster/model -> dataset db/d -> "
            "job cron/report -> dataset db/e -> subscription s"
        )
        own = spec("db/e", launch={"orchestrator": "o", "namespace": "db", "job": "e",
                                   "kind": "asset_event"})  # fmt: skip
        assert circle_text(connection, own) == (
            "it would launch itself again and again: subscription s -> dataset db/e -> "
            "subscription s"
        )


def ran(namespace: str, job: str, inputs: list[str], outputs: list[str]) -> dict:
    number = sum(map(ord, job))
    return run_event(
        "COMPLETE", 0, number, job=job, namespace=namespace, inputs=inputs, outputs=outputs
    )


def test_a_dry_run_tells_what_was_launched_had_it_been_there(it: Station) -> None:
    one = spec("all(db/a, db/b)", partitions="day of hour", backfill={"old": "ignore"})
    it.put(one)
    for second, (name, hour) in enumerate(
        [("a", "24T01"), ("b", "24T02"), ("a", "24T03"), ("a", "23T05"), ("b", "24T07")], 1
    ):
        it.updated(name, partition=f"2026-11-{hour}")
        it.at(second)
    it.updated("a", partition="2026-10-01T00")
    it.at(10)
    with it.db.reading() as connection:
        told = dry_run(connection, one, BEGIN, BEGIN + timedelta(hours=1))
    assert [would.updates for would in told.launches] == it.causes()
    assert [would.partition for would in told.launches] == it.partitions()
    assert told.waiting == ["2026-11-23"]
    assert told.fates == {"launched": 4, "waiting": 1, "ignored": 1}


def test_a_dry_run_takes_gates_as_they_stood_then(it: Station) -> None:
    """Closed by a check until another run of it passes, with the next update or without one."""
    one = spec("db/a gate(checks passed)")
    it.put(one)
    it.hear(checked(it, 1, success=False))
    it.at(60)
    it.hear(checked(it, 2, success=True))
    it.at(120)
    it.hear(checked(it, 3, success=False))
    it.at(180)
    told = [{"assertion": "not_null", "success": True, "column": "id"}]
    facets = {"dataQualityAssertions": {"assertions": told}}
    looked = {"namespace": "db", "name": "a", "inputFacets": facets}
    event = run_event("COMPLETE", 0, 9, job="test", inputs=[looked])
    it.hear({**event, "eventTime": (it.now + timedelta(seconds=4)).isoformat()})
    with it.db.reading() as connection:
        rehearsed = dry_run(connection, one, BEGIN, BEGIN + timedelta(hours=1))
    assert it.causes() == [[1, 2]]
    assert [would.updates for would in rehearsed.launches] == [[1, 2], [3]]
    assert [would.at - BEGIN for would in rehearsed.launches] == [
        timedelta(seconds=62),
        timedelta(seconds=184),
    ]


def test_a_dry_run_takes_incidents_as_they_stood_then(it: Station) -> None:
    one = spec("db/a gate(no open incident)")
    it.put(one)
    it.updated("a")
    with it.db.writing() as connection:
        file_incident_of_a(connection)
        note_step(connection, 1, BEGIN - timedelta(minutes=5), "OPEN")
        note_step(connection, 2, BEGIN + timedelta(minutes=9), "RESOLVED")
        told = dry_run(connection, one, BEGIN, BEGIN + timedelta(hours=1))
        until = dry_run(connection, one, BEGIN, BEGIN + timedelta(minutes=8))
    assert [would.at - BEGIN for would in told.launches] == [timedelta(minutes=9)]
    assert (until.launches, until.fates) == ([], {"waiting": 1})


def file_incident_of_a(connection: Connection) -> None:
    key = connection.scalar(select(dataset.c.id).where(dataset.c.name == "a"))
    told = {"id": 1, "rule": "r", "kind": "volume", "subject_kind": "dataset"}
    told |= {"subject_id": key, "key": "", "dataset_id": key, "severity": "error"}
    told |= {"since": BEGIN, "opened_at": BEGIN, "state": "OPEN", "reason": "few rows"}
    told |= {"evidence": "{}", "dry_run": False, "updated_at": BEGIN}
    connection.execute(insert(incident).values(**told))


def note_step(connection: Connection, number: int, at: datetime, state: str) -> None:
    step = {"id": number, "incident_id": 1, "at": at, "version": number, "state": state}
    step |= {"transition": "opened", "reason": "few rows", "evidence": "{}"}
    connection.execute(insert(incident_transition).values(**step))
    if state == "RESOLVED":
        connection.execute(update(incident).values(state=state, resolved_at=at))
