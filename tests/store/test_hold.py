"""After a restore nothing leaves until a person confirms; nothing is lost meanwhile (DESIGN D10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from hub.api.hub import Hub
from hub.main import notice_restore, writing
from hub.settings import Settings
from hub.store import holds
from hub.store.backup import backup, renew
from hub.store.db import Database
from hub.store.meta import put_meta
from hub.store.migrate import migrate, store_epoch
from tests.support.recorder import WORLD
from tests.support.recording import emptied
from tests.support.telling import START, Desk, plan

ALL = [{"name": "all", "to": ["chat"], "group_wait_s": 0, "crowd": 0}]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def desk(module_hub: Hub) -> Iterator[Desk]:
    WORLD.clear()
    yield Desk(module_hub.db, module_hub.writer, plan(routes=ALL))
    module_hub.writer.call(emptied)
    module_hub.writer.call(holds.confirm)


def restored(it: Desk) -> None:
    it.writer.call(lambda c: holds.begin_again(c, "the store was restored", it.now))
    it.restart()


def confirmed(it: Desk) -> None:
    it.writer.call(holds.confirm)


def test_what_waits_and_what_is_new_is_held_until_it_is_confirmed(desk: Desk) -> None:
    before = desk.open("1")
    desk.only_tell()
    restored(desk)
    after = desk.open("2", job=2)
    desk.at(600)
    assert desk.sent() == []
    confirmed(desk)
    desk.at(601)
    assert sorted(title for _, title in desk.sent()) == [
        "failed-run: run 1 failed",
        "failed-run: run 2 failed",
    ]
    for one in (before, after):
        reason = dict(desk.decisions(one))["held"]
        assert reason.startswith("the store was restored at 2026-11-25 10:00 UTC; ")
        assert reason.endswith("trackside store confirm")


def test_a_resolve_is_held_and_comes_when_it_is_confirmed(desk: Desk) -> None:
    one = desk.open()
    desk.at(1)
    restored(desk)
    desk.resolve(one)
    desk.at(600)
    assert desk.standings() == ["OPEN"]
    confirmed(desk)
    desk.at(601)
    assert desk.standings() == ["OPEN", "RESOLVED"]


def test_what_began_and_ended_while_it_was_held_is_not_told(desk: Desk) -> None:
    restored(desk)
    one = desk.open()
    desk.at(1)
    desk.resolve(one)
    desk.at(2)
    confirmed(desk)
    desk.at(3)
    assert desk.sent() == []


def test_why_it_is_held_is_noted_once(desk: Desk) -> None:
    one = desk.open()
    desk.only_tell()
    restored(desk)
    for seconds in (1, 2, 3):
        desk.restart()
        desk.at(seconds)
    assert [what for what, _ in desk.decisions(one)].count("held") == 1


def test_two_messages_of_one_incident_do_not_come_of_a_hold(desk: Desk) -> None:
    one = desk.open()
    restored(desk)
    desk.at(1)
    desk.acknowledge(one)
    desk.at(2)
    confirmed(desk)
    desk.at(3)
    assert desk.standings() == ["ACKNOWLEDGED"]


# -- noticing it -------------------------------------------------------------------------------


def found(db: Database) -> tuple[str, holds.Hold | None]:
    with db.reading() as connection:
        return store_epoch(connection), holds.find_hold(connection)


@pytest.fixture
def new(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url, durable=False)) as db:
        migrate(db)
        yield db


def test_a_new_store_is_not_held_however_often_a_hub_starts(new: Database) -> None:
    before = found(new)
    notice_restore(new)
    notice_restore(new)
    assert found(new) == before
    assert before[1] is None


def test_a_store_that_was_restored_says_so(new: Database) -> None:
    before, _ = found(new)
    assert renew(new, START) != before
    hold = found(new)[1]
    assert hold is not None
    assert str(hold).startswith("the store was restored at 2026-11-25 10:00 UTC")


def test_a_backup_that_somebody_copied_into_place_is_noticed(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/trackside.db", durable=False)) as db:
        migrate(db)
        before, _ = found(db)
        backup(db, tmp_path / "backup.db", lambda *_: None)
        notice_restore(db)
        assert found(db) == (before, None)
    copyfile(tmp_path / "backup.db", tmp_path / "other.db")
    with closing(Database(f"sqlite:///{tmp_path}/other.db", durable=False)) as db:
        notice_restore(db)
        epoch, hold = found(db)
        assert epoch != before
        assert hold is not None
        assert hold.why == "the store was found to be a backup"
        notice_restore(db)
        assert found(db) == (epoch, hold)


@pytest.mark.postgres
def test_a_dump_in_another_database_is_noticed(postgres_url: str) -> None:
    with closing(Database(postgres_url, durable=False)) as db:
        migrate(db)
        notice_restore(db)
        before, _ = found(db)
        with db.writing() as connection:
            put_meta(connection, "place", "7582 16384")
        notice_restore(db)
        epoch, hold = found(db)
        assert epoch != before
        assert hold is not None
        assert hold.why == "the store was found in another database"


def test_only_a_confirmation_ends_it(new: Database) -> None:
    renew(new, START)
    held: Callable[[], bool] = lambda: found(new)[1] is not None  # noqa: E731
    notice_restore(new)
    assert held()
    with new.writing() as connection:
        assert holds.confirm(connection) is not None
        assert holds.confirm(connection) is None
    notice_restore(new)
    assert not held()
