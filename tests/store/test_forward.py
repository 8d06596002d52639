"""Receivers get each event at least once and in order, whoever records it and whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select

from hub.evaluate.telling import Transactions
from hub.forward.chosen import Onward
from hub.forward.forwarding import PAGE, STREAK, Forwarding, pause_after
from hub.forward.senders import Answer, Away, Refused
from hub.metrics import Metrics
from hub.openlineage.redact import Redactor
from hub.record import Accepted, Recorder
from hub.record.incoming import Sender
from hub.record.intake import Intake
from hub.settings import Settings
from hub.settings.forward import Receiver
from hub.store import forward as store
from hub.store import tables as t
from hub.store.db import Database
from hub.store.holds import begin_again, confirm
from hub.store.ids import BLOCK, BLOCK_LASTS_S, Ids, block_of
from hub.store.leases import no_fence
from hub.store.sweep import Sweep
from tests.support.recording import START, Recording, run_event

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Direct:
    """Stands for the writer."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def call(self, function: Callable[[Connection], T], *, apart: bool = False) -> T:
        with self.db.writing() as connection:
            return function(connection)


class Fake:
    """A receiver that answers as the test says, else takes all."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.bodies: list[bytes] = []
        self.answers: Callable[[str], Answer] = lambda _: None

    def send(self, events: Sequence[Onward]) -> Iterator[Answer]:
        for one in events:
            name = str(one.event["job"]["name"])
            answer = self.answers(name)
            if answer is None:
                self.got.append(name)
                self.bodies.append(one.body)
            yield answer

    def close(self) -> None: ...


class World:
    """A store, a receiver, and the loop between them."""

    def __init__(self, db: Database, **more: Any) -> None:
        self.db, self.fake, self.now = db, Fake(), NOW
        told = {"name": "other", "transport": {"type": "http", "url": "http://other"}, **more}
        self.told = Receiver.model_validate(told)
        self.metrics = Metrics()
        self.forwarding = self.another()

    def another(self) -> Forwarding:
        """As after a restart."""
        doing = Transactions(self.db, Direct(self.db))  # type: ignore[arg-type]
        return Forwarding(self.told, doing, self.metrics, (), make=lambda *_: self.fake)

    def round(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)
        while self.forwarding.round(self.now, no_fence):
            pass

    @property
    def state(self) -> store.Receiver:
        with self.db.reading() as connection:
            return store.receivers(connection)["other"]

    def parked(self) -> list[store.Parked]:
        with self.db.reading() as connection:
            return store.list_parked(connection, "other", 100)

    def write(self, work: Callable[[Connection], T]) -> T:
        with self.db.writing() as connection:
            return work(connection)

    def count(self, result: str) -> float:
        return float(self.metrics.forward_events.labels("other", result)._value.get())


def events(*names: str, start: int = 0) -> list[dict[str, Any]]:
    return [run_event("START", start + n, start + n + 1, job=name) for n, name in enumerate(names)]


def numbered(count: int, start: int = 0) -> list[str]:
    return [f"job-{n:04}" for n in range(start, start + count)]


def test_what_is_recorded_from_now_on_is_sent_once_and_in_order(db: Database) -> None:
    record, world = Recording(db), World(db)
    record(*events("before"))
    world.round()
    for n in range(3):
        record(*events(*numbered(5, n * 5), start=n * 5 + 1))
        world.round()
    assert world.fake.got == numbered(15)
    assert world.state.sent == world.count("sent") == 15


def test_a_receiver_may_have_all_that_is_stored(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    names = numbered(PAGE * 2 + 7)
    record(*events(*names))
    world.round()
    assert world.fake.got == names


def test_after_a_restart_it_goes_on_where_it_was(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events(*numbered(10)))
    world.round()
    world.forwarding = world.another()
    record(*events(*numbered(5, 10), start=10))
    world.round()
    assert world.fake.got == numbered(15)


def test_what_was_sent_and_not_noted_is_sent_again_with_the_same_bytes(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events(*numbered(3)))

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    world.forwarding._save = crash  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        world.round()
    world.forwarding = world.another()
    world.round()
    assert world.fake.got == numbered(3) * 2
    assert world.fake.bodies[:3] == world.fake.bodies[3:]


def test_what_another_writer_commits_later_with_lower_ids_is_sent_too(db: Database) -> None:
    if db.is_sqlite:
        pytest.skip("SQLite has one writer")
    early, late = Recording(db), Recording(db)
    world = World(db)
    world.round()
    early(*events("a-1"))  # takes the lower block
    late(*events("b-1", start=1))
    world.round()
    early(*events("a-2", start=2))
    late(*events("b-2", start=3))
    world.round()
    early(*events("a-3", start=4))
    world.round()
    assert sorted(world.fake.got) == ["a-1", "a-2", "a-3", "b-1", "b-2"]
    assert [name for name in world.fake.got if name.startswith("a")] == ["a-1", "a-2", "a-3"]


def test_a_new_receiver_gets_what_is_added_to_blocks_that_are_in_use(db: Database) -> None:
    record = Recording(db)
    record(*events("before"))
    world = World(db)
    world.round()
    record(*events("after", start=1))  # in the same block
    world.round()
    assert world.fake.got == ["after"]


def test_blocks_that_get_nothing_any_more_are_closed_and_later_ones_are_seen(db: Database) -> None:
    if db.is_sqlite:
        pytest.skip("SQLite has one block")
    world = World(db)
    world.round()
    for n in range(4):  # each a process that is gone
        Recording(db)(*events(f"gone-{n}", start=n))
    world.round()
    world.round(3 * 3600)
    world.round()
    with db.reading() as connection:
        assert len(connection.execute(select(t.receiver_place)).all()) == 1
    Recording(db)(*events("new", start=9))
    world.round()
    assert world.fake.got == ["gone-0", "gone-1", "gone-2", "gone-3", "new"]


def test_a_block_is_used_for_an_hour_at_most(db: Database) -> None:
    clock = [0.0]
    ids = Ids(db, lambda: clock[0])
    with db.writing() as connection:
        ids.enter(connection)
        first = ids.take("lineage_event")
        assert ids.take("lineage_event") == first + 1
        clock[0] += BLOCK_LASTS_S
        ids.enter(connection)
        assert block_of(ids.take("lineage_event")) > block_of(first)


def test_the_last_id_of_a_block_is_of_it() -> None:
    assert [block_of(n) for n in (1, BLOCK, BLOCK + 1)] == [0, 0, 1]


def test_nothing_goes_before_what_the_receiver_can_not_take_now(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events("a", "b", "c"))
    world.fake.answers = lambda name: Away("answered 503") if name == "b" else None
    world.round()
    assert world.fake.got == ["a"]
    assert (world.state.failures, world.state.error) == (1, "answered 503")
    world.fake.answers = lambda _: None
    world.round(0.1)  # the pause is on
    assert world.fake.got == ["a"]
    world.round(10)
    assert world.fake.got == ["a", "b", "c"]
    assert (world.state.failures, world.state.error) == (0, None)


def test_pauses_grow_to_five_minutes_and_the_receiver_may_ask_for_more() -> None:
    pauses = [pause_after(n, None, 0.5) for n in (1, 2, 3, 20)]
    assert pauses == [1, 2, 4, 300]
    assert pause_after(1, 42, 0.5) == 42


def test_what_a_receiver_never_takes_is_parked_and_can_be_sent_again(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events("a", "b", "c"))
    world.fake.answers = lambda name: Refused("answered 422 no") if name == "b" else None
    world.round()
    assert world.fake.got == ["a", "c"]
    (parked,) = world.parked()
    assert parked.reason == "answered 422 no"
    world.write(lambda c: store.want_again(c, "other", parked.id))
    world.round()
    assert [one.again for one in world.parked()] == [False]  # refused once more
    world.fake.answers = lambda _: None
    world.write(lambda c: store.want_again(c, "other", None))
    world.round()
    assert world.fake.got == ["a", "c", "b"]
    assert world.parked() == []


def test_a_receiver_that_refuses_everything_is_left_alone_for_a_while(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events(*numbered(100)))
    world.fake.answers = lambda _: Refused("answered 403")
    world.round()
    assert len(world.parked()) == STREAK + 1
    assert world.state.failures == 1
    assert "answered 403" in (world.state.error or "")
    world.round(10)
    assert len(world.parked()) == STREAK + 2  # one more is tried after each pause
    world.fake.answers = lambda _: None
    world.round(60)
    assert world.fake.got == numbered(100 - STREAK - 2, STREAK + 2)


def test_what_comes_back_is_known(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events("a"))
    world.round()
    (body,) = world.fake.bodies
    intake = Intake(Redactor(), lambda: START)
    (item,) = intake.event(body, Sender()).items
    recorder = Recorder(db)
    recorder.prepare()
    with db.writing() as connection:
        assert recorder.apply(connection, [item]) == [Accepted(new=False)]


def test_what_may_be_lost_is_told_at_zero_before_anything_is(db: Database) -> None:
    name, labels = "trackside_forward_events_total", {"receiver": "other", "result": "passed_over"}
    assert World(db).metrics.registry.get_sample_value(name, labels) == 0


def test_what_retention_deletes_unsent_is_passed_over_and_counted(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    world.round()
    record(*events("a", "b"))
    settings = Settings.model_validate(
        {"forward": [{"name": "other", "transport": {"type": "console"}}]}
    )
    later = NOW + timedelta(days=settings.retention.lineage_events + 1)
    assert _swept(db, settings, later) == {"other": 2}
    assert _swept(db, settings, later) == {}
    world.round()
    assert world.fake.got == []
    assert world.state.passed_over == 2


def _swept(db: Database, settings: Settings, now: datetime) -> dict[str, int]:
    sweep = Sweep(db, Direct(db), settings, now=now)
    return sweep._pass_over()


def test_nothing_leaves_a_store_that_is_held_after_a_restore(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events("a"))
    world.write(lambda c: begin_again(c, "restored", NOW))
    world.round()
    assert world.fake.got == []
    world.write(confirm)
    world.round()
    assert world.fake.got == ["a"]


def test_only_what_is_chosen_is_sent(db: Database) -> None:
    record = Recording(db)
    world = World(db, start="beginning", only={"jobs": ["daily_*"], "event_types": ["COMPLETE"]})
    record(
        run_event("START", 0, 1, job="daily_sales"),
        run_event("COMPLETE", 1, 1, job="daily_sales"),
        run_event("COMPLETE", 2, 2, job="hourly_sales"),
    )
    world.round()
    assert [json.loads(body)["eventType"] for body in world.fake.bodies] == ["COMPLETE"]
    assert (world.state.sent, world.state.left_out) == (1, 2)


def test_the_lag_is_how_long_the_oldest_waits(db: Database) -> None:
    record, world = Recording(db), World(db, start="beginning")
    record(*events("a"))
    world.fake.answers = lambda _: Away("away")
    world.round()
    lag = world.metrics.forward_lag_seconds.labels("other")._value.get()
    assert lag == (world.now - datetime.fromtimestamp(START / 1e6, UTC)).total_seconds()
    assert world.metrics.forward_trouble.labels("other")._value.get() == 1
    world.fake.answers = lambda _: None
    world.round(60)
    world.round(60)
    assert world.metrics.forward_lag_seconds.labels("other")._value.get() == 0
    assert world.metrics.forward_trouble.labels("other")._value.get() == 0
