"""The loop that looks through sensors: each sighting is one update, whatever happens on its way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import pytest
import yaml
from sqlalchemy import select

from hub.api.hub import Hub
from hub.errors import ConfigError, Unavailable
from hub.evaluate.book import book_of
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import EntityName
from hub.polls.sense import Sense
from hub.polls.sensor_book import sensor_book_of
from hub.ports.sensors import Json, Look, SensorConfig, Sighting, sensors
from hub.settings import Settings
from hub.store import sensors as store
from hub.store.leases import no_fence
from hub.store.sensors import SensorState
from hub.store.tables import change, dataset, dataset_update, incident
from tests.support.build import Build, at, uuid_of
from tests.support.recording import emptied

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Scripted:
    """A sensor that sees what the test says; of one process."""

    Config: ClassVar[type[SensorConfig]] = SensorConfig
    sees: ClassVar[Callable[[Json, datetime], Look]]
    looks: ClassVar[int] = 0

    def __init__(self, config: Any, outside: Any) -> None:
        pass

    def look(self, cursor: Json, now: datetime) -> Look:
        Scripted.looks += 1
        return Scripted.sees(cursor, now)


sensors.add("scripted", Scripted)


def counting(cursor: Json, now: datetime) -> Look:
    """Something new at each look."""
    number = cursor.get("number", 0) + 1
    return Look([Sighting(now, str(number), rows=number)], {"number": number})


class Silent:
    """Figures that nobody reads."""

    def sensor_looked(self, sensor: str, *, result: str) -> None:
        pass


class CrashError(BaseException):
    """The process is gone: nothing catches it."""


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


class Room:
    """A hub's sensors, and a clock of their own."""

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self.hub, self.settings, self.now = hub, settings, START
        self.replicas: list[Sense] = []
        self.sense = self.replica()

    def replica(self) -> Sense:
        book = sensor_book_of(self.settings, self.hub.db)
        made = Sense(
            self.hub.db, self.hub.writer, self.hub.intake, book, Silent(), clock=lambda: self.now
        )
        self.replicas.append(made)
        return made

    def at(self, seconds: float) -> None:
        self.now = START + timedelta(seconds=seconds)
        self.sense.round(self.now)
        self.sense.settle()

    def updates(self) -> list[tuple[str, str, datetime, int | None]]:
        """Dataset, partition, time and rows of each update, in their order."""
        statement = (
            select(
                dataset.c.name,
                dataset_update.c.partition_key,
                dataset_update.c.at,
                dataset_update.c.rows,
            )
            .join(dataset, dataset.c.id == dataset_update.c.dataset_id)
            .order_by(dataset_update.c.at, dataset_update.c.partition_key)
        )
        with self.hub.db.reading() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def changes(self) -> int:
        with self.hub.db.reading() as connection:
            kinds = connection.scalars(select(change.c.kind)).all()
        return list(kinds).count("dataset_updated")

    def state(self, name: str = "eye") -> SensorState:
        with self.hub.db.reading() as connection:
            return store.sensor_states(connection)[name]


Open = Callable[..., Room]
EYE = {
    "name": "eye",
    "kind": "scripted",
    "dataset": {"namespace": "s3://lake", "name": "landing/orders"},
}


@pytest.fixture
def opened(module_hub: Hub) -> Iterator[Open]:
    rooms = []

    def make(*declared: Json, **settings: Any) -> Room:
        Scripted.sees, Scripted.looks = counting, 0
        url = module_hub.settings.database_url
        told = Settings(database_url=url, sensors=list(declared or (EYE,)), **settings)
        rooms.append(Room(module_hub, told))
        return rooms[-1]

    yield make
    for room in rooms:
        for one in room.replicas:
            one.close()
    module_hub.writer.call(emptied)


def test_what_is_seen_is_an_update_and_is_looked_for_again_in_time(opened: Open) -> None:
    room = opened(EYE | {"every_s": 60})
    for seconds in (0, 30, 59, 60, 119, 120):
        room.at(seconds)
    assert room.updates() == [
        ("landing/orders", "", START + timedelta(seconds=60 * i), i + 1) for i in range(3)
    ]
    assert room.changes() == 3
    state = room.state()
    assert (state.looked_at, state.sighted_at, state.failures) == (room.now, room.now, 0)


def test_a_partition_and_its_counts_are_recorded(opened: Open) -> None:
    room = opened()
    seen = Sighting(START, "v1", "2026-11-22", rows=7, bytes=70, files=2)
    Scripted.sees = lambda *_: Look([seen], {})
    room.at(0)
    room.at(60)
    assert room.updates() == [("landing/orders", "2026-11-22", START, 7)]
    assert room.changes() == 1


def test_nothing_new_is_no_update_and_says_what_it_waits_for(opened: Open) -> None:
    room = opened()
    Scripted.sees = lambda *_: Look(waits_for="a file at s3://lake/x")
    room.at(0)
    assert room.updates() == []
    assert room.state().waits_for == "a file at s3://lake/x"


def test_a_look_that_fails_is_tried_again_with_growing_pauses(opened: Open) -> None:
    room = opened(EYE | {"every_s": 1})

    def fail(*_: Any) -> Look:
        raise Unavailable("s3 does not answer")

    Scripted.sees = fail
    for seconds in range(0, 600, 2):
        room.at(seconds)
    state = room.state()
    assert state.error == "s3 does not answer"
    assert 3 <= state.failures == Scripted.looks <= 40
    Scripted.sees = counting
    room.at(3000)
    assert (room.state().failures, room.state().error) == (0, None)
    assert len(room.updates()) == 1


def test_a_sensor_that_is_broken_harms_no_other(opened: Open) -> None:
    room = opened(EYE, EYE | {"name": "other"})
    calls = iter([KeyError("oops"), None])

    def sees(cursor: Json, now: datetime) -> Look:
        if error := next(calls):
            raise error
        return counting(cursor, now)

    Scripted.sees = sees
    room.at(0)
    errors = sorted(str(room.state(name).error) for name in ("eye", "other"))
    assert errors == ["None", "the sensor failed: KeyError"]
    assert len(room.updates()) == 1


@pytest.mark.parametrize("steps", range(5))
def test_a_crash_anywhere_loses_nothing_and_doubles_nothing(opened: Open, steps: int) -> None:
    """Of: kept, recorded, ticked off. What was kept is recorded by whoever comes next, though it is
    not there to be seen any more.
    """
    room = opened(EYE | {"every_s": 10, "timeout_s": 1})
    left = iter([True] * steps)

    def until_then(works: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            if not next(left, False):
                raise CrashError
            return works(*args)

        return step

    room.sense._call = until_then(room.sense._call)  # type: ignore[method-assign]
    room.sense._record = until_then(room.sense._record)  # type: ignore[method-assign]
    room.at(0)
    room.sense = room.replica()
    kept = steps >= 2  # what was pending (nothing), and then what was seen
    if kept:
        Scripted.sees = lambda cursor, _: Look([], cursor)
    room.at(120)  # the lease of who is gone is over
    room.at(240)
    assert room.updates()[0][2] == (START if kept else START + timedelta(seconds=120))
    assert len(room.updates()) == room.changes() == (1 if kept else 2)


def test_two_replicas_look_once(opened: Open) -> None:
    room = opened()
    other = room.replica()
    hold, began = Event(), Event()

    def slow(cursor: Json, now: datetime) -> Look:
        began.set()
        assert hold.wait(10)
        return counting(cursor, now)

    Scripted.sees = slow
    room.sense.round(START)
    assert began.wait(10)
    other._begun = True  # on SQLite there is no other, and a first round frees what was leased
    other.round(START + timedelta(seconds=1))
    hold.set()
    room.sense.settle()
    other.settle()
    assert (Scripted.looks, len(room.updates())) == (1, 1)


def test_a_slow_look_holds_up_no_round(opened: Open) -> None:
    room = opened(EYE, EYE | {"name": "other"})
    hold = Event()

    def sees(cursor: Json, now: datetime) -> Look:
        if Scripted.looks == 1:
            assert hold.wait(10)
        return counting(cursor, now)

    Scripted.sees = sees
    assert room.sense.round(START) is False
    hold.set()
    room.sense.settle()
    assert Scripted.looks == 2


def test_a_sensor_that_is_declared_otherwise_begins_anew(opened: Open) -> None:
    room = opened()
    room.at(0)
    again = opened(EYE | {"dataset": {"namespace": "s3://lake", "name": "other"}})
    again.at(1)
    assert [(name, rows) for name, _, _, rows in again.updates()] == [
        ("landing/orders", 1),
        ("other", 1),
    ]


def test_a_file_that_is_missing_is_an_incident_until_it_comes(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    declared = EYE | {
        "kind": "file",
        "fresh": {"within_s": 3600},
        "settings": {"path": str(file)},
        "every_s": 60,
    }
    room = opened(declared, sensor_roots=[str(tmp_path)])
    watch = Watch(room.hub.db, room.hub.writer, book_of(room.settings))

    def judged(seconds: float) -> list[tuple[str, bool]]:
        room.at(seconds)
        for _ in range(20):
            watch.round(room.now, no_fence)
        with room.hub.db.reading() as connection:
            rows = connection.execute(select(incident.c.kind, incident.c.resolved_at)).all()
        return [(row.kind, row.resolved_at is None) for row in rows]

    room.now = datetime.now(UTC)
    begun = (room.now - START).total_seconds()
    assert judged(begun) == []
    assert room.state().waits_for == f"a file at file://{file}"
    assert judged(begun + 7200) == [("freshness", True)]
    file.write_text("1,2,3")
    touched = (START + timedelta(seconds=begun + 7210)).timestamp()
    os.utime(file, (touched, touched))
    assert judged(begun + 7300) == [("freshness", False)]
    assert [name for name, *_ in room.updates()] == ["landing/orders"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "fle"}, "unknown sensor kind 'fle'; known: file, http, run, scripted, sql, time"),
        ({"every": 5}, "every: no such setting"),
        ({"dataset": {"name": "x"}}, "dataset.namespace: Field required"),
        ({"kind": "file", "settings": {}}, "settings.path: Field required"),
        ({"kind": "file", "settings": {"path": "/x"}}, "lies in none of the sensor_roots"),
        (
            {"kind": "sql", "settings": {"connection": "dwh", "query": "SELECT 1"}},
            "there is no connection 'dwh'; declared: none",
        ),
        ({"team": "sales"}, "it names the team 'sales'; known: none"),
        ({"fresh": {}}, "fresh: needs within_s, or cron, or both"),
        ({"fresh": {"cron": "often"}}, "five fields"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(
    tmp_path: Path, wrong: Json, said: str
) -> None:
    file = tmp_path / "trackside.yaml"
    file.write_text("port: 1\n" + yaml.safe_dump({"sensors": [EYE | wrong]}))
    with pytest.raises(ConfigError) as told:
        sensor_book_of(Settings.load(file, environment={}), None)
    assert f"{file}:3: sensors.0" in str(told.value)
    assert said in str(told.value)


def test_runs_of_a_job_that_completed_are_found(module_hub: Hub, opened: Open) -> None:
    opened()
    with module_hub.db.writing() as connection:
        build = Build(connection, 10**6)
        job = build.job("load")
        build.run(job, start=0, end=5, completed_at=at(5), uuid=uuid_of(1), partition_key="a")
        build.run(job, start=6, end=9, completed_at=at(9), uuid=uuid_of(2))
        build.run(job, start=10, end=11, state="FAILED")
    with module_hub.db.reading() as connection:
        name = EntityName("ns", "load")
        found = store.successes(connection, name, at(5))
        assert [(one.key, one.partition) for one in found] == [
            (str(uuid_of(1)), "a"),
            (str(uuid_of(2)), ""),
        ]
        assert [one.at for one in store.successes(connection, name, at(6))] == [at(9)]
