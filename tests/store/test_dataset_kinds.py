"""Rules about datasets, from what was recorded to incidents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.book import Book, Declared
from hub.evaluate.people import called, say
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Resolution, Viewer
from hub.settings import Settings
from hub.store.access import put_team
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, get_incident, list_incidents
from hub.store.leases import no_fence
from hub.store.outages import breathe
from hub.store.reading import Page
from hub.store.tables import dataset as dataset_table
from hub.store.types import to_micros
from tests.support.recording import (
    dataset,
    emptied,
    incoming,
    observation,
    output,
    run_event,
)

ALL = Viewer(all=True)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)  # all that is recorded has happened by then


#: By the names of their rules. A second one would be taken for a hub that was down in between.
WATCHES: dict[tuple[str, ...], Watch] = {}


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    """A hub of which only the writer runs; its store is empty."""
    yield module_hub
    module_hub.writer.call(emptied)
    module_hub.writer.call(lambda c: c.execute(text("DELETE FROM meta WHERE key = 'alive_at'")))
    WATCHES.clear()


def record(hub: Hub, *events: dict[str, Any]) -> None:
    """Each is heard of when it happens."""
    times = (datetime.fromisoformat(event["eventTime"]) for event in events)
    heard = [to_micros(at) for at in times]
    told = zip(events, heard, strict=True)
    hub.writer.record([incoming(event, heard_at=at) for event, at in told])


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def look(hub: Hub, at: datetime, *rules: Declared) -> None:
    """Evaluates all that is there."""
    key = tuple(rule.name for rule in rules)
    watch = WATCHES.setdefault(key, Watch(hub.db, hub.writer, Book(rules) if rules else hub.book))
    while watch.round(at, no_fence):
        pass


def incidents(hub: Hub, viewer: Viewer = ALL, **wanted: Any) -> list[IncidentView]:
    with hub.db.reading() as connection:
        found = list_incidents(connection, viewer, Filter(**wanted), Page()).items
        return [get_incident(connection, viewer, one.id) for one in reversed(found)]


def write(
    number: int, at: datetime, *outputs: str | dict, partition: str | None = None, **more: Any
) -> dict[str, Any]:
    """The end of a run that wrote datasets."""
    if partition is not None:
        more["run_facets"] = {"hub_dagster_run": {"tags": {"dagster/partition": partition}}}
    event = run_event("COMPLETE", 0, number, outputs=outputs or ["mart"], **more)
    return event | {"eventTime": at.isoformat()}


def known_since(hub: Hub, at: datetime) -> None:
    made = dataset_table.update().values(created_at=at)
    hub.writer.call(lambda connection: connection.execute(made))


def policy(**said: Any) -> dict[str, Any]:
    return {
        "type": "freshness_policy",
        "dataset": {"namespace": "db", "name": "mart"},
        "observed_at": "2026-11-24T00:00:00Z",
        **said,
    }


# -- freshness ---------------------------------------------------------------------------------


def test_a_declared_deadline_is_missed_until_an_update_and_again_by_the_next(hub: Hub) -> None:
    eight = datetime(2026, 11, 25, 7, tzinfo=UTC)  # in Berlin
    declared = policy(max_lag_s=3600, cron="0 8 * * *", timezone="Europe/Berlin")
    hub.writer.record([observation(declared)])
    record(hub, write(1, eight - hours(24.5)))
    look(hub, eight - hours(1))
    assert incidents(hub) == []
    look(hub, eight + hours(0.1))
    (one,) = incidents(hub)
    assert (one.rule, one.state, one.since) == ("freshness", "OPEN", eight)
    assert "by the deadline of 2026-11-25 08:00 Europe/Berlin" in one.reason
    assert "in the 1 h before" in one.reason


def test_a_deadline_whose_update_was_heard_of_late_was_never_missed(hub: Hub) -> None:
    hub.writer.record([observation(policy(max_lag_s=3600, cron="0 8 * * *"))])
    eight = datetime(2026, 11, 24, 8, tzinfo=UTC)
    record(hub, write(1, eight - hours(23)))
    look(hub, eight + hours(1))
    assert [one.state for one in incidents(hub)] == ["OPEN"]
    record(hub, write(2, eight - hours(0.5)))
    look(hub, eight + hours(2))
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "retracted")


def test_what_is_updated_regularly_is_told_when_it_stops_though_nobody_declared_it(
    hub: Hub,
) -> None:
    last = NOON - hours(6)
    record(hub, *(write(n, last - hours(24 * n)) for n in range(20)))
    look(hub, last + hours(25))
    assert incidents(hub) == []
    look(hub, last + hours(31))
    (one,) = incidents(hub)
    assert (one.rule, one.severity, one.since) == ("late-update", "info", last + hours(30))
    assert "usually comes 1 d later, and within 1 d 6 h" in one.reason
    record(hub, write(90, last + hours(26)))
    look(hub, last + hours(32))
    assert [one.resolution for one in incidents(hub)] == ["retracted"]


def test_nothing_is_late_while_the_job_that_updates_it_is_paused(hub: Hub) -> None:
    last = NOON - hours(6)
    paused = {
        "type": "schedule",
        "job": {"namespace": "prod", "name": "load"},
        "schedule": {"kind": "cron", "expression": "0 6 * * *", "paused": True},
        "observed_at": "2026-11-24T11:00:00Z",
    }
    record(hub, *(write(n, last - hours(24 * n)) for n in range(20)))
    look(hub, last + hours(1))
    hub.writer.record([observation(paused)])
    look(hub, last + hours(31))
    assert incidents(hub) == []


def test_the_partitions_of_a_glob_have_a_freshness_of_their_own(hub: Hub) -> None:
    rule = Declared(
        name="poland", kind="freshness", settings={"max_lag_s": 3600, "partition": "PL/*"}
    )
    record(hub, write(1, NOON - hours(3), partition="PL/1"), write(2, NOON, partition="DE/1"))
    look(hub, NOON, rule)
    (one,) = incidents(hub)
    assert one.since == NOON - hours(2)
    assert "partition PL/* was last updated 2026-11-24 09:00 UTC" in one.reason
    record(hub, write(3, NOON, partition="PL/2"))
    look(hub, NOON, rule)
    assert [one.state for one in incidents(hub)] == ["RESOLVED"]


def test_what_may_have_been_updated_while_no_hub_was_there_is_not_called_stale(hub: Hub) -> None:
    hub.writer.record([observation(policy(max_lag_s=7200))])
    record(hub, write(1, NOON))
    look(hub, NOON + hours(1.5))
    hub.writer.call(lambda connection: breathe(connection, NOON + hours(1.7)))
    look(hub, NOON + hours(3.6))
    assert incidents(hub) == []
    look(hub, NOON + hours(3.8))
    assert [one.since for one in incidents(hub)] == [NOON + hours(2)]


# -- missing_partition -------------------------------------------------------------------------


def test_a_partition_that_is_due_is_missing_until_it_comes(hub: Hub) -> None:
    rule = Declared(name="days", kind="missing_partition", settings={"due_s": 7200})
    start = datetime(2026, 11, 14, tzinfo=UTC)
    for n in range(10):  # up to the 23rd, each an hour after its end
        at = start + hours(24 * n + 25)
        record(hub, write(n, at, partition=f"{start + hours(24 * n):%Y-%m-%d}"))
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    known_since(hub, start)
    look(hub, midnight + hours(1), rule)
    assert incidents(hub) == []
    look(hub, midnight + hours(3), rule)
    (one,) = incidents(hub)
    assert one.since == midnight + hours(2)
    assert "partition 2026-11-24 was due by 2026-11-25 02:00 UTC" in one.reason
    record(hub, write(20, midnight + hours(4), partition="2026-11-24"))
    look(hub, midnight + hours(5), rule)
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "healed")


def test_a_dataset_of_many_partitions_is_read_along_its_keys(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.dataset_facts.PARTITIONS", 12)
    rule = Declared(name="days", kind="missing_partition", settings={"due_s": 3600})
    first = datetime(2026, 11, 1, tzinfo=UTC)
    for n in range(23):
        record(hub, write(n, NOON - hours(1), partition=f"{first + hours(24 * n):%Y-%m-%d}"))
    record(hub, *(write(100 + n, NOON, partition=f"2020-01-{n + 1:02}") for n in range(20)))
    known_since(hub, NOON)
    look(hub, datetime(2026, 11, 26, 2, tzinfo=UTC), rule)
    assert [one.reason.split()[1] for one in incidents(hub)] == ["2026-11-24", "2026-11-25"]


# -- failed_check ------------------------------------------------------------------------------


def checked(
    number: int,
    at: datetime,
    *,
    success: bool,
    column: str | None = None,
    partition: str | None = None,
    severity: str = "error",
) -> dict[str, Any]:
    told = {
        "assertion": "not_null",
        "success": success,
        "column": column,
        "severity": severity,
        "actual": "12 nulls",
    }
    facets = {"dataQualityAssertions": {"assertions": [told]}}
    tested = {"namespace": "db", "name": "mart", "facets": {}, "inputFacets": facets}
    more = {"hub_dagster_run": {"tags": {"dagster/partition": partition}}} if partition else {}
    event = run_event("COMPLETE", 0, number, job="test", inputs=[tested], run_facets=more)
    return event | {"eventTime": at.isoformat()}


def test_a_check_that_fails_is_one_incident_until_it_passes(hub: Hub) -> None:
    record(hub, checked(1, NOON - hours(3), success=False, column="id"))
    look(hub, NOON)
    record(hub, checked(2, NOON - hours(2), success=False, column="id"))
    record(hub, checked(3, NOON - hours(2), success=True))
    look(hub, NOON)
    (one,) = incidents(hub)
    assert (one.rule, one.severity, one.state) == ("failed-check", "error", "OPEN")
    assert one.reason == "check not_null of column id failed: 12 nulls found"
    record(hub, checked(4, NOON - hours(1), success=True, column="id"))
    look(hub, NOON)
    assert [one.state for one in incidents(hub)] == ["RESOLVED"]


def test_checks_of_partitions_are_several_also_where_only_the_run_names_them(hub: Hub) -> None:
    for number, partition in enumerate(("a", "b", "c")):
        record(hub, checked(number, NOON - hours(3), success=False, partition=partition))
    look(hub, NOON)
    assert len(incidents(hub, open=True)) == 3
    record(hub, checked(9, NOON - hours(2), success=True, partition="b"))
    look(hub, NOON)
    assert sorted(one.reason.split()[4] for one in incidents(hub, open=True)) == ["a", "c"]


def test_a_result_that_is_older_than_the_latest_changes_nothing(hub: Hub) -> None:
    record(hub, checked(1, NOON - hours(1), success=False))
    look(hub, NOON)
    record(hub, checked(2, NOON - hours(2), success=True))
    look(hub, NOON)
    assert [one.state for one in incidents(hub)] == ["OPEN"]


def test_many_failed_checks_at_once_are_all_told(hub: Hub) -> None:
    events = [
        checked(number, NOON - hours(1), success=False, column=f"c{number}")
        for number in range(1200)
    ]
    record(hub, *events)
    look(hub, NOON)
    with hub.db.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM incident")) == 1200


def test_a_check_that_only_warns_is_an_incident_for_information(hub: Hub) -> None:
    record(hub, checked(1, NOON - hours(1), success=False, severity="warn"))
    look(hub, NOON)
    assert [(one.rule, one.severity) for one in incidents(hub)] == [("check-warning", "info")]


# -- volume ------------------------------------------------------------------------------------


def test_far_too_few_rows_are_told_until_the_next_update_that_is_normal(hub: Hub) -> None:
    start = NOON - hours(24 * 30)
    for n in range(29):
        record(hub, write(n, start + hours(24 * n), output("mart", rows=1000 + n % 7, size=1)))
    look(hub, NOON - hours(30))
    assert incidents(hub, rule="volume") == []
    record(hub, write(40, NOON - hours(24), output("mart", rows=0, size=1)))
    look(hub, NOON - hours(20))
    (one,) = incidents(hub, rule="volume")
    assert "wrote 0 rows, where there were always some; 1,00" in one.reason
    record(hub, write(41, NOON, output("mart", rows=1004, size=1)))
    look(hub, NOON)
    assert [one.state for one in incidents(hub, rule="volume")] == ["RESOLVED"]


def test_what_a_person_calls_the_new_normal_is_learned_from_then_on(hub: Hub) -> None:
    start = NOON - hours(24 * 30)
    for n in range(29):
        record(hub, write(n, start + hours(24 * n), output("mart", rows=1000, size=1)))
    record(hub, write(40, NOON - hours(24), output("mart", rows=100, size=1)))
    look(hub, NOON - hours(20))
    (one,) = incidents(hub, rule="volume", open=True)
    saying = called(hub.book, Resolution.NEW_NORMAL, "half of it moved")
    hub.writer.call(lambda c: say(c, one.id, saying, "ann", NOON - hours(19)))
    for n in range(20):
        record(hub, write(50 + n, NOON + hours(24 * n), output("mart", rows=100, size=1)))
        look(hub, NOON + hours(24 * n + 1))
    assert incidents(hub, rule="volume", open=True) == []
    record(hub, write(90, NOON + hours(24 * 20), output("mart", rows=1000, size=1)))
    look(hub, NOON + hours(24 * 20 + 1))
    assert len(incidents(hub, rule="volume", open=True)) == 1


# -- schema_change -----------------------------------------------------------------------------


def shape(name: str, **types: str) -> dict[str, Any]:
    fields = [{"name": column, "type": kind} for column, kind in types.items()]
    return dataset(name, schema={"fields": fields})


def deriving(name: str, **sources: tuple[str, str]) -> dict[str, Any]:
    """A dataset whose columns come from (dataset, column)."""
    fields = {
        column: {"inputFields": [{"namespace": "db", "name": source, "field": field}]}
        for column, (source, field) in sources.items()
    }
    return dataset(name, columnLineage={"fields": fields})


def owned(name: dict[str, Any], team: str) -> dict[str, Any]:
    owners = {"owners": [{"name": f"team:{team}"}]}
    return name | {"facets": {**name["facets"], "ownership": owners}}


def test_a_column_that_is_gone_is_told_with_what_derives_from_it(hub: Hub) -> None:
    record(hub, write(1, NOON - hours(9), shape("mart", id="int", email="text", age="int")))
    record(hub, write(2, NOON - hours(8), deriving("board", mail=("mart", "email")), job="b"))
    secret = owned(deriving("secret", hidden=("board", "mail")), "hr")
    record(hub, write(3, NOON - hours(7), secret, job="c"))
    hub.writer.call(lambda connection: put_team(connection, "hr", private=True, now=NOON))
    look(hub, NOON)
    assert incidents(hub) == []
    record(hub, write(4, NOON - hours(6), shape("mart", id="int", age="text")))
    look(hub, NOON)
    (one,) = incidents(hub)
    assert (one.rule, one.severity) == ("schema-change", "info")
    assert one.reason == (
        "the update of 2026-11-24 06:00 UTC has lost the column email;"
        " another type of the column age (int -> text)"
    )
    assert one.impact is not None
    assert [(column.dataset, column.field) for column in one.impact.columns] == [
        ("board", "mail"),
        ("secret", "hidden"),
    ]
    (theirs,) = incidents(hub, Viewer())
    assert theirs.impact is not None
    assert [column.dataset for column in theirs.impact.columns] == ["board"]
    assert "secret" not in repr(theirs)
    record(hub, write(5, NOON - hours(5), shape("mart", id="int", email="text", age="int")))
    look(hub, NOON)
    assert [one.state for one in incidents(hub)] == ["RESOLVED"]


def test_a_schema_that_stays_is_the_schema_after_a_day(hub: Hub) -> None:
    record(hub, write(1, NOON - hours(9), shape("mart", id="int", email="text")))
    record(hub, write(2, NOON - hours(8), shape("mart", id="int")))
    look(hub, NOON)
    assert [one.state for one in incidents(hub)] == ["OPEN"]
    look(hub, NOON - hours(8) + hours(24))
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "healed")
    assert one.history is not None
    assert one.history[-1].reason == "it has stayed so since 2026-11-24 04:00 UTC"


# -- what is learned ---------------------------------------------------------------------------


def test_what_was_learned_is_kept_and_learned_anew_after_a_day(hub: Hub) -> None:
    for n in range(12):
        record(hub, write(n, NOON - hours(300 - 24 * n), output("mart", rows=1000, size=1)))
    fitted = "SELECT metric, fitted_at FROM dataset_baseline WHERE payload IS NOT NULL ORDER BY 1"

    def learned() -> list[Any]:
        with hub.db.reading() as connection:
            return list(connection.execute(text(fitted)))

    look(hub, NOON)
    first = learned()
    assert [row.metric for row in first] == ["bytes", "rows"]
    record(hub, write(30, NOON - hours(1), output("mart", rows=1000, size=1)))
    look(hub, NOON + hours(1))
    assert learned() == first
    record(hub, write(31, NOON, output("mart", rows=1000, size=1)))
    look(hub, NOON + hours(25))
    assert [row.fitted_at for row in learned()] > [row.fitted_at for row in first]


def test_no_more_is_learned_in_one_round_than_it_has_time_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.evaluate.datasets.FITS", 5)
    record(hub, *(write(n, NOON - hours(1), f"mart-{n}") for n in range(6)))
    look(hub, NOON)
    with hub.db.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM dataset_baseline")) == 5
