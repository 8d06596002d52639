"""What people and time do with incidents, through the store: kept, told, taught, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.errors import Conflict
from hub.evaluate.book import Book, Declared
from hub.evaluate.outcome import save
from hub.evaluate.people import Saying, called, reopened, say
from hub.evaluate.round import Found, Round
from hub.evaluate.watch import Watch
from hub.incidents import Escalation, Flapping, Terms, acknowledge, snooze
from hub.main import writing
from hub.model import Resolution, Viewer
from hub.rules.base import Judgement, Status, Verdict
from hub.settings import Settings
from hub.store import facts
from hub.store.expectations import Horizons, Looked
from hub.store.histories import histories_of
from hub.store.incident_steps import Place, find_incident
from hub.store.incident_views import IncidentView, StreamedView
from hub.store.incidents import (
    Filter,
    get_incident,
    latest_transition,
    list_incidents,
    list_transitions,
)
from hub.store.leases import no_fence
from hub.store.reading import Page
from tests.support.recording import emptied, incoming, run_event

ALL = Viewer(all=True)
START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0 of the events
FAILED = Declared(name="failed", kind="failed_run")
TOO_LONG = Declared(name="too-long", kind="overrun")


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    """A hub of which only the writer runs; its store is empty."""
    yield module_hub
    module_hub.writer.call(emptied)


def minute(at: float) -> datetime:
    return START + timedelta(minutes=at)


def run(hub: Hub, number: int, begin: float, end: float | None, kind: str = "COMPLETE") -> None:
    told = [run_event("START", begin, number)]
    told += [] if end is None else [run_event(kind, end, number)]
    hub.writer.record([incoming(event) for event in told])


def look(hub: Hub, at: float, *rules: Declared) -> None:
    watch = Watch(hub.db, hub.writer, Book(rules))
    while watch.round(minute(at), no_fence):
        pass


def people(hub: Hub, key: int, saying: Saying, at: float) -> None:
    hub.writer.call(lambda connection: say(connection, key, saying, "ada", minute(at)))


def incidents(hub: Hub, **wanted: Any) -> list[IncidentView]:
    with hub.db.reading() as connection:
        found = list_incidents(connection, ALL, Filter(**wanted), Page()).items
        return [get_incident(connection, ALL, one.id) for one in reversed(found)]


def steps(one: IncidentView) -> list[str]:
    assert one.history is not None
    return [each.transition for each in one.history]


# -- snoozed, escalated ----------------------------------------------------------------------------


def test_what_is_snoozed_comes_back_by_itself_and_not_before(hub: Hub) -> None:
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, FAILED)
    (one,) = incidents(hub)
    people(hub, one.id, lambda it, now: snooze(it.incident, minute(30), "later", now), 5)
    look(hub, 29, FAILED)
    assert [(one.state, one.snoozed_until) for one in incidents(hub)] == [("SNOOZED", minute(30))]
    look(hub, 31, FAILED)
    (one,) = incidents(hub)
    assert (one.state, one.snoozed_until) == ("OPEN", None)
    assert steps(one) == ["opened", "snoozed", "woken"]
    look(hub, 60, FAILED)
    assert steps(incidents(hub)[0]) == ["opened", "snoozed", "woken"]


def test_what_heals_while_it_is_snoozed_stays_over(hub: Hub) -> None:
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, FAILED)
    (one,) = incidents(hub)
    people(hub, one.id, lambda it, now: snooze(it.incident, minute(30), "later", now), 5)
    run(hub, 2, 10, 11)
    look(hub, 12, FAILED)
    look(hub, 40, FAILED)
    (one,) = incidents(hub)
    assert (one.state, steps(one)) == ("RESOLVED", ["opened", "snoozed", "resolved"])


def test_what_nobody_acknowledges_in_time_escalates_once(hub: Hub) -> None:
    rule = FAILED.model_copy(update={"escalate": Escalation(after_s=3600, to="critical")})
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, rule)
    look(hub, 61, rule)
    assert [one.severity for one in incidents(hub)] == ["error"]
    look(hub, 63, rule)
    look(hub, 200, rule)
    (one,) = incidents(hub)
    assert (one.severity, steps(one)) == ("critical", ["opened", "escalated"])
    assert one.history is not None
    assert [each.severity for each in one.history] == ["error", "critical"]


def test_what_is_acknowledged_does_not_escalate(hub: Hub) -> None:
    rule = FAILED.model_copy(update={"escalate": Escalation(after_s=3600, to="critical")})
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, rule)
    (one,) = incidents(hub)
    people(hub, one.id, lambda it, now: acknowledge(it.incident, "I look", now), 5)
    look(hub, 200, rule)
    assert [one.severity for one in incidents(hub)] == ["error"]


# -- flapping --------------------------------------------------------------------------------------


def test_a_job_that_fails_and_recovers_on_and_on_is_one_incident_until_it_was_quiet(
    hub: Hub,
) -> None:
    rule = FAILED.model_copy(update={"flapping": Flapping(times=2, quiet_s=1800)})
    for turn in range(5):
        run(hub, 2 * turn + 1, turn * 10, turn * 10 + 1, "FAIL")
        look(hub, turn * 10 + 2, rule)
        run(hub, 2 * turn + 2, turn * 10 + 3, turn * 10 + 4)
        look(hub, turn * 10 + 5, rule)
    first, second, third = incidents(hub)
    assert (first.state, second.state, third.state) == ("RESOLVED", "RESOLVED", "OPEN")
    assert third.flapping
    assert third.reason.startswith("flapping: opened 5 times in 40 min; good since")
    assert steps(third) == ["opened"] + ["changed"] * 5
    look(hub, 74, rule)
    assert incidents(hub)[-1].state == "OPEN"
    look(hub, 76, rule)
    last = incidents(hub)[-1]
    assert (last.state, last.resolution, last.flapping) == ("RESOLVED", "healed", False)


def test_jobs_do_not_flap_together(hub: Hub) -> None:
    rule = FAILED.model_copy(update={"flapping": Flapping(times=1)})
    for number in range(1, 5):
        events = [
            run_event(k, at, number, job=f"j{number}") for k, at in [("START", 0), ("FAIL", 1)]
        ]
        hub.writer.record([incoming(event) for event in events])
    look(hub, 2, rule)
    assert [one.flapping for one in incidents(hub)] == [False] * 4


def test_runs_that_are_too_long_one_after_the_other_are_one_incident(hub: Hub) -> None:
    rule = TOO_LONG.model_copy(
        update={"settings": {"limit_s": 60}, "flapping": Flapping(times=2, quiet_s=1800)}
    )
    for turn in range(6):
        run(hub, turn + 1, turn * 10, None)
        look(hub, turn * 10, rule)
        look(hub, turn * 10 + 2, rule)
        hub.writer.record([incoming(run_event("COMPLETE", turn * 10 + 5, turn + 1))])
        look(hub, turn * 10 + 6, rule)
    found = incidents(hub)
    assert [one.state for one in found] == ["RESOLVED", "RESOLVED", "OPEN"]
    assert found[-1].reason.startswith("flapping: opened 6 times in 50 min; good since")
    look(hub, 100, rule)
    assert incidents(hub, open=True) == []


def test_what_flaps_by_itself_takes_in_nothing_else(hub: Hub) -> None:
    """Two checks of a dataset: one comes and goes, the other fails once."""
    place = Place("checks", "failed_check", "dataset", 1, None, "error", dry_run=False)
    terms = Terms(flapping=Flapping(times=2), each_by_itself=True)

    def judged(at: float, **checks: Status) -> None:
        verdicts = [Verdict(status, key, f"{key} {at}") for key, status in checks.items()]
        found = Found(
            place, Looked("checks", "dataset", 1), 0, Judgement(tuple(verdicts)), terms=terms
        )
        this = Round(minute(at), Horizons(minute(at), {}), found=[found])
        hub.writer.call(lambda connection: save(connection, this, no_fence), apart=True)

    for turn in range(4):
        judged(turn * 10, first=Status.VIOLATED)
        judged(turn * 10 + 5, first=Status.OK)
    judged(40, first=Status.OK, second=Status.VIOLATED)
    judged(50, first=Status.OK, second=Status.OK)
    first, second = (
        hub.writer.call(partial(find_incident, place=place, key=key)) for key in ("first", "second")
    )
    assert first is not None
    assert second is not None
    assert first.incident.is_open
    assert first.incident.reason.startswith("flapping: opened 4 times in 30 min; good since")
    assert (second.incident.is_open, second.incident.reason) == (False, "second 40")


# -- expected, the new normal ----------------------------------------------------------------------


def baseline_runs(hub: Hub) -> int:
    with hub.db.reading() as connection:
        (key,) = (row.id for row in facts.job_rows(connection, range(100)))
        return len(histories_of(connection, [key])[key].samples)


def too_long(hub: Hub) -> tuple[Book, IncidentView]:
    """Twelve runs of five minutes, then one of forty, which is an incident and over."""
    book = Book([TOO_LONG])
    for number in range(1, 13):
        run(hub, number, number * 20, number * 20 + 5)
    run(hub, 20, 300, None)
    look(hub, 300, TOO_LONG)
    look(hub, 330, TOO_LONG)
    hub.writer.record([incoming(run_event("COMPLETE", 340, 20))])
    look(hub, 341, TOO_LONG)
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "healed")
    return book, one


def test_after_a_new_normal_only_later_runs_teach_what_is_normal(hub: Hub) -> None:
    book, one = too_long(hub)
    people(hub, one.id, called(book, Resolution.NEW_NORMAL, "more data now"), 350)
    assert baseline_runs(hub) == 0
    for number in range(30, 38):
        begin = 360 + (number - 30) * 42
        run(hub, number, begin, begin + 40)
    assert baseline_runs(hub) == 8
    run(hub, 50, 720, None)
    look(hub, 721, TOO_LONG)
    look(hub, 759, TOO_LONG)
    assert incidents(hub, open=True) == []
    look(hub, 1500, TOO_LONG)
    (again,) = incidents(hub, open=True)
    assert "40 min is usual" in again.reason


def test_a_new_normal_that_is_taken_back_teaches_nothing(hub: Hub) -> None:
    book, one = too_long(hub)
    before = baseline_runs(hub)
    people(hub, one.id, called(book, Resolution.NEW_NORMAL, "more data now"), 350)
    people(hub, one.id, reopened(book, "no, it was the disk"), 351)
    assert baseline_runs(hub) == before
    look(hub, 352, TOO_LONG)
    (one,) = incidents(hub)
    assert steps(one) == ["opened", "resolved", "called", "reopened", "resolved"]


def test_a_rule_that_learns_nothing_has_no_new_normal(hub: Hub) -> None:
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, FAILED)
    (one,) = incidents(hub)
    with pytest.raises(Conflict, match=f"incident {one.id}: the rule 'failed' does not learn"):
        people(hub, one.id, called(Book([FAILED]), Resolution.NEW_NORMAL, ""), 3)


def test_what_is_taken_back_while_it_is_still_bad_stays_open(hub: Hub) -> None:
    book = Book([FAILED])
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, FAILED)
    (one,) = incidents(hub)
    people(hub, one.id, called(book, Resolution.EXPECTED, "a test"), 3)
    people(hub, one.id, reopened(book, "no test"), 4)
    people(hub, one.id, reopened(book, "no test"), 4)
    look(hub, 5, FAILED)
    (one,) = incidents(hub)
    assert (one.state, steps(one)) == ("OPEN", ["opened", "resolved", "reopened"])


def test_nothing_is_taken_back_of_a_rule_that_is_no_longer_in_force(hub: Hub) -> None:
    run(hub, 1, 0, 1, "FAIL")
    look(hub, 2, FAILED)
    (one,) = incidents(hub)
    people(hub, one.id, called(Book([FAILED]), Resolution.EXPECTED, ""), 3)
    with pytest.raises(Conflict, match="no longer in force"):
        people(hub, one.id, reopened(Book([]), ""), 4)


# -- the stream ------------------------------------------------------------------------------------


def test_every_step_of_every_incident_is_streamed_once_in_order(hub: Hub) -> None:
    for number in range(1, 4):
        run(hub, number, number, number + 0.5, "FAIL")
        look(hub, number + 1, FAILED)
    run(hub, 9, 10, 11)
    look(hub, 12, FAILED)
    found: list[StreamedView] = []
    with hub.db.reading() as connection:
        after = 0
        while True:
            some, last = list_transitions(connection, ALL, after, 2)
            found += some
            if last == after:
                break
            after = last
        assert last == latest_transition(connection)
    told = [(each.version, each.transition.transition) for each in found]
    assert told == [(1, "opened"), (2, "changed"), (3, "changed"), (4, "resolved")]
    assert [each.transition.state for each in found] == ["OPEN", "OPEN", "OPEN", "RESOLVED"]
    assert found[0].job is not None
    assert found[0].links.subject == "/api/v1/namespaces/prod/jobs/load"
    run_link = found[0].links.run
    assert run_link is not None
    assert run_link.startswith("/api/v1/jobs/runs/")
