"""What is dated far ahead of its receipt is taken to be of then: it is not the latest for ever."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from hub.errors import BadInput
from hub.openlineage.redact import Redactor
from hub.record import Accepted, Incoming, IncomingEvent, Sender
from hub.record.intake import Intake
from hub.record.replay import replay
from hub.store.db import Database
from hub.store.dead_letters import list_letters
from hub.store.types import from_micros
from hub.store.writer import Writer
from tests.support.normal_form import normal_form
from tests.support.recording import START, Recording, empty, incoming, observation, run_event, uuid

DAY = 24 * 3_600_000_000
AHEAD = "lies more than a day ahead of its receipt, taken as the time of receipt"


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def dated(time: str, kind: str, run: int, *, heard_at: int = START) -> IncomingEvent:
    return incoming(run_event(kind, 0, run) | {"eventTime": time}, heard_at=heard_at)


FAR = dated("2999-01-01T00:00:00Z", "START", 1)


def test_a_run_of_the_far_future_is_not_the_job_s_latest_for_ever(record: Recording) -> None:
    record(FAR)
    record(dated("2026-11-26T06:00:00Z", "START", 2, heard_at=START + 3 * DAY))
    latest = "SELECT hex(r.attempt_uuid) FROM job j JOIN run r ON r.id = j.latest_run_id"
    if not record.db.is_sqlite:
        latest = latest.replace("hex(r.attempt_uuid)", "upper(encode(r.attempt_uuid, 'hex'))")
    assert record.one(latest) == (uuid(2).replace("-", "").upper(),)
    assert record.one("SELECT started_at FROM run ORDER BY id LIMIT 1") == (START,)


def test_it_is_warned_of_and_the_event_kept_as_it_came(record: Recording) -> None:
    record(FAR)
    warning = record.one("SELECT path, message, last_at FROM job_warning")
    assert warning == ("$.eventTime", AHEAD, START)
    assert record.one("SELECT event_time FROM lineage_event") == (START,)


@pytest.mark.parametrize("time", ["2026-11-24T23:59:00Z", "2026-11-23T10:00:00Z"])
def test_clocks_that_are_somewhat_ahead_are_believed(record: Recording, time: str) -> None:
    record(dated(time, "START", 1))
    assert record.rows("SELECT * FROM job_warning") == []
    assert record.one("SELECT started_at FROM run") != (START,)


def test_the_same_bytes_again_are_a_duplicate_whenever_they_come(record: Recording) -> None:
    record(FAR)
    again = dated("2999-01-01T00:00:00Z", "START", 1, heard_at=START + 5 * DAY)
    assert record(again) == [Accepted(new=False)]


def test_in_any_order_the_same_events_end_in_the_same_state(db: Database) -> None:
    events = [
        dated("2999-01-01T00:00:00Z", "COMPLETE", 1),
        dated("2026-11-23T10:00:00Z", "START", 1),
        dated("2026-11-24T12:00:00Z", "FAIL", 1, heard_at=START + DAY),
        dated("2026-11-26T10:00:00Z", "START", 2, heard_at=START + 3 * DAY),
    ]
    seen = {json.dumps(_state_after(db, order), default=repr) for order in permutations(events)}
    assert len(seen) == 1


def _state_after(db: Database, events: tuple[IncomingEvent, ...]) -> object:
    empty(db)
    Recording(db).each(events)
    return normal_form(db)


def test_a_schedule_observed_in_the_far_future_does_not_hold_for_ever(record: Recording) -> None:
    def told(expression: str, when: str) -> Incoming:
        schedule = {"kind": "cron", "expression": expression}
        job = {"namespace": "prod", "name": "load"}
        seen = {"type": "schedule", "job": job, "schedule": schedule, "observed_at": when}
        return observation(seen)

    record(told("0 6 * * *", "2999-01-01T00:00:00Z"))
    record(told("0 7 * * *", "2026-11-24T00:00:01Z"))
    assert record.one("SELECT expression FROM schedule") == ("0 7 * * *",)
    assert record.one("SELECT path, message FROM job_warning") == ("$.observed_at", AHEAD)


def test_a_dead_letter_is_replayed_as_of_when_it_came(db: Database, record: Recording) -> None:
    clock = [START]
    intake = Intake(Redactor(), lambda: clock[0])
    raw = json.dumps(run_event("START", 0) | {"eventTime": "2026-12-24T00:00:00Z"}).encode()
    letter = intake.unreadable(raw, Sender(), BadInput("$", "nothing", "an event"))
    record(letter)
    clock[0] += 100 * DAY
    writer = Writer(db, record.recorder)
    writer.start()
    with db.reading() as connection:
        (listed,) = list_letters(connection)
    done = replay(intake, writer, listed, raw, now=from_micros(clock[0]))
    writer.stop()
    assert done.recorded
    assert record.one("SELECT received_at, event_time FROM lineage_event") == (START, START)
