"""What is said of jobs and datasets: each facet as the last event, by its own time, has it."""

from __future__ import annotations

import json

import pytest
import zstandard

from hub.record import Sender
from hub.record.terms import PER_FACET
from hub.store.db import Database
from tests.support.recording import Recording, dataset, dataset_event, micros, run_event

TERMS = "SELECT origin FROM search_term WHERE term = :term AND kind = :kind ORDER BY origin"


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def says(minute: float, run: int = 1, **facets: object) -> dict:
    return run_event("RUNNING", minute, run, job_facets=facets)


def test_of_a_jobs_facets_the_latest_by_event_time_holds(record: Recording) -> None:
    record(says(5, documentation={"description": "new"}, other={"a": "new"}))
    record(says(1, documentation={"description": "old"}, other={"a": "old"}))
    assert record.one("SELECT description FROM job") == ("new",)
    payload = record.one("SELECT payload FROM job_facet WHERE name = 'other'")[0]
    assert json.loads(zstandard.decompress(payload)) == {"a": "new"}


def test_what_an_event_does_not_say_stays(record: Recording) -> None:
    kind = {"processingType": "BATCH", "integration": "AIRFLOW", "jobType": "TASK"}
    record(says(1, documentation={"description": "what it does"}, jobType=kind))
    record(says(5))
    assert record.one("SELECT description, kind FROM job") == ("what it does", "TASK")


def test_a_facet_that_is_deleted_says_nothing_any_more(record: Recording) -> None:
    record(says(1, documentation={"description": "what it does"}))
    record(says(5, documentation={"_deleted": True}))
    assert record.one("SELECT description FROM job") == (None,)


def test_owners_name_the_team_and_the_senders_team_stands_in(record: Recording) -> None:
    record(says(1), sender=Sender(team="platform"))
    assert record.one("SELECT team FROM job") == ("platform",)
    owned = says(2, ownership={"owners": [{"name": "team:sales"}, {"name": "ann"}]})
    record(owned, sender=Sender(team="platform"))
    assert record.one("SELECT team, owners FROM job") == ("sales", '["team:sales","ann"]')
    unowned = says(3, ownership={"owners": [{"name": "ann"}]})
    record(unowned, sender=Sender(team="platform"))
    assert record.one("SELECT team, owners FROM job") == ("sales", '["ann"]')


@pytest.mark.parametrize("owners", [[], [{"name": "ann"}]])
def test_owners_without_a_team_take_a_job_from_nobody(
    record: Recording, owners: list[dict]
) -> None:
    record(says(1), sender=Sender(team="platform"))
    record(says(2, ownership={"owners": owners}))
    assert record.one("SELECT team FROM job") == ("platform",)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_job_is_the_team_s_that_its_owners_named_last_in_any_order(
    record: Recording, order: tuple[int, ...]
) -> None:
    named = [[{"name": "team:old"}], [{"name": "team:sales"}], []]
    told = [says(n, ownership={"owners": owners}) for n, owners in enumerate(named)]
    for number in order:
        record(told[number])
    assert record.one("SELECT team, owners FROM job") == ("sales", "[]")


def owned(minute: float, *owners: str) -> dict:
    facet = {"owners": [{"name": name} for name in owners]}
    return dataset_event(minute, dataset("orders", ownership=facet))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_dataset_stays_its_teams_whatever_owners_without_a_team_come_after(
    record: Recording, order: tuple[int, ...]
) -> None:
    told = [owned(1, "team:old"), owned(2, "team:sales"), owned(3)]
    for number in order:
        record(told[number])
    assert record.one("SELECT team, owners FROM dataset") == ("sales", "[]")


def test_a_new_dataset_is_the_teams_whose_job_writes_it(record: Recording) -> None:
    event = run_event("COMPLETE", 1, inputs=[dataset("raw")], outputs=[dataset("orders")])
    record(event, sender=Sender(team="platform"))
    of_team = "SELECT team FROM dataset WHERE name = :name"
    assert record.one(of_team, name="orders") == ("platform",)
    assert record.one(of_team, name="raw") == (None,)
    record(owned(0, "team:sales"), sender=Sender(team="platform"))
    assert record.one(of_team, name="orders") == ("sales",)


def test_a_known_dataset_does_not_become_the_teams_that_writes_it_too(record: Recording) -> None:
    record(run_event("COMPLETE", 1, outputs=[dataset("orders")]))
    record(run_event("COMPLETE", 2, 2, outputs=[dataset("orders")]), sender=Sender(team="sales"))
    assert record.one("SELECT team FROM dataset") == (None,)


def test_a_datasets_columns_belong_to_the_facets_that_tell_them(record: Recording) -> None:
    record(
        dataset_event(
            1,
            "x",
            documentation={"description": "orders"},
            dataSource={"name": "dwh", "uri": "postgresql://dwh:5432"},
            datasetType={"datasetType": "TABLE"},
            version={"datasetVersion": "7"},
            ownership={"owners": [{"name": "team:sales"}]},
        )
    )
    assert record.one(
        "SELECT description, source_name, source_uri, kind, version, team FROM dataset"
    ) == ("orders", "dwh", "postgresql://dwh:5432", "TABLE", "7", "sales")
    assert record.one("SELECT name, kind, uri FROM source") == (
        "dwh",
        "POSTGRESQL",
        "postgresql://dwh:5432",
    )


def test_of_a_sources_addresses_the_last_one_told_holds(record: Recording) -> None:
    record(dataset_event(5, "x", dataSource={"name": "dwh", "uri": "pg://new"}))
    record(dataset_event(1, "y", dataSource={"name": "dwh", "uri": "pg://old"}))
    assert record.one("SELECT uri FROM source") == ("pg://new",)


def test_another_schema_is_a_change_and_the_same_one_is_not(record: Recording) -> None:
    def showing(minute: float, *names: str) -> dict:
        fields = [{"name": name, "type": "int"} for name in names]
        return dataset_event(minute, "x", schema={"fields": fields})

    record(showing(1, "a"))
    record(showing(2, "a"))
    assert record.changes() == ["dataset_created"]
    record(showing(5, "a", "b"))
    record(showing(3, "c"))  # late: it was never the last
    assert record.changes() == ["dataset_created", "schema_changed"]
    now = "SELECT fields FROM dataset d JOIN dataset_schema s ON s.id = d.schema_id"
    assert json.loads(record.one(now)[0]) == [["a", "int", None], ["b", "int", None]]
    assert record.one("SELECT count(*) FROM dataset_schema") == (3,)


def test_tags_of_events_replace_each_other_and_leave_those_of_people(record: Recording) -> None:
    record(says(1, tags={"tags": [{"key": "old", "value": "1"}]}))
    (job,) = record.one("SELECT id FROM job")
    with record.db.writing() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO job_tag (job_id, tag, value, origin) VALUES ({job}, 'mine', 'mine', 'user')"
        )
    record(says(5, tags={"tags": [{"key": "new", "value": "2"}]}))
    record(says(3, tags={"tags": [{"key": "late", "value": "3"}]}))
    tags = record.rows("SELECT tag, value, origin FROM job_tag ORDER BY tag")
    assert tags == [("mine", "mine", "user"), ("new", "2", "event")]


def test_tags_of_columns_say_which(record: Recording) -> None:
    told = {"tags": [{"key": "pii", "value": "yes", "field": "email"}]}
    record(dataset_event(1, "x", tags=told))
    assert record.one("SELECT field, tag, value FROM dataset_tag") == ("email", "pii", "yes")


def test_jobs_and_datasets_are_found_by_what_is_said_of_them(record: Recording) -> None:
    record(
        run_event(
            "START",
            1,
            job="load_orders",
            job_facets={
                "ownership": {"owners": [{"name": "ann"}]},
                "tags": {"tags": [{"key": "gold", "value": "yes"}]},
                "custom": {"region": "EMEA"},
            },
            inputs=[dataset("RawOrders", schema={"fields": [{"name": "amount"}]})],
        )
    )
    for term, kind, origin in [
        ("rders", "job", "name"),
        ("load_orders", "job", "name"),
        ("prod", "job", "namespace"),
        ("ann", "job", "owner"),
        ("gold", "job", "tag"),
        ("emea", "job", "facet:custom"),
        ("raw", "dataset", "name"),
        ("amount", "dataset", "facet:schema"),
    ]:
        assert (origin,) in record.rows(TERMS, term=term, kind=kind), term


def test_words_of_facet_values_are_found_however_deep(record: Recording) -> None:
    asset = {"_producer": "nobody", "groups": [{"title": "Weekly salesReport", "rank": 42}]}
    record(says(1, asset={**asset, "live": True, "code": "select " * 40, "none": None}))
    found = {
        term for (term,) in record.rows("SELECT term FROM search_term WHERE origin = 'facet:asset'")
    }
    assert found == {"weekly salesreport", "weekly", "sales", "report", "42", "true"}


def test_a_facet_is_found_by_its_first_words_only(record: Recording) -> None:
    record(says(1, many={"values": [f"x{number}" for number in range(100, 1000)]}))
    found = record.rows("SELECT term FROM search_term WHERE origin = 'facet:many'")
    assert len(found) == PER_FACET
    assert ("x100",) in found


def test_what_is_not_said_any_more_is_not_found_any_more(record: Recording) -> None:
    record(says(1, ownership={"owners": [{"name": "ann"}]}, custom={"region": "emea"}))
    record(says(5, ownership={"owners": [{"name": "bob"}]}, custom={"region": "apac"}))
    record(says(3, ownership={"owners": [{"name": "cyd"}]}))
    for gone in ("ann", "cyd", "emea"):
        assert record.rows(TERMS, term=gone, kind="job") == []
    assert record.rows(TERMS, term="bob", kind="job") == [("owner",)]
    assert record.rows(TERMS, term="apac", kind="job") == [("facet:custom",)]


def test_counters_count_what_is_there(record: Recording) -> None:
    record.each([run_event("START", 1, inputs=["x"]), run_event("COMPLETE", 2, outputs=["x", "y"])])
    counts = record.rows(
        "SELECT c.name, n.name, c.value FROM counter c JOIN namespace n ON n.id = scope_id"
        " ORDER BY c.name"
    )
    assert counts == [("datasets", "db", 2), ("jobs", "prod", 1)]
    kinds = record.rows("SELECT event_type, value FROM event_count ORDER BY event_type")
    assert kinds == [("COMPLETE", 1), ("START", 1)]


def test_sloppiness_is_noted_on_the_job_with_when_it_was_seen(record: Recording) -> None:
    sloppy = run_event("START", 1)
    del sloppy["schemaURL"]
    record(sloppy)
    record({**sloppy, "eventTime": "2026-11-23T10:05:00Z"})
    seen = record.rows("SELECT path, message, first_at, last_at FROM job_warning")
    assert [row[2:] for row in seen] == [(micros(1), micros(5))]
    assert seen[0][0].endswith("schemaURL")
