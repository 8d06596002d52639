"""One SQLite file, one hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.store.db import Database
from hub.store.lock import Holder, StoreLock


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/trackside.db")


def test_the_second_is_told_who_has_it(db: Database) -> None:
    first, second = StoreLock(db), StoreLock(db)
    with first.held("hub"):
        first.tell(Holder(17, "http://127.0.0.1:8080"))
        assert second.holder() == Holder(17, "http://127.0.0.1:8080")
        with pytest.raises(ConfigError, match=r"another hub \(process 17, http://127.0.0.1:8080\)"):
            second.acquire()
    assert second.holder() is None
    with second.held("import"):
        assert first.holder() is not None


def test_a_holder_that_has_not_told_yet_holds_all_the_same(db: Database) -> None:
    first = StoreLock(db)
    with first.held("hub"):
        assert first.path
        first.path.write_text("")
        assert StoreLock(db).holder() == Holder(0)
        with pytest.raises(ConfigError, match="in use by another process"):
            StoreLock(db).acquire()


@pytest.mark.postgres
def test_postgresql_needs_no_lock(postgres_url: str) -> None:
    db = Database(postgres_url)
    with StoreLock(db).held("hub"), StoreLock(db).held("hub"):
        assert StoreLock(db).holder() is None
    db.close()


def test_a_store_has_one_lock_by_whatever_link_it_is_named(db: Database, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tmp_path)
    (tmp_path / "link.db").symlink_to("trackside.db")
    for name in ("link.db", "data/trackside.db", "data/link.db"):
        other = StoreLock(Database(f"sqlite:///{tmp_path}/{name}"))
        with StoreLock(db).held("hub"), pytest.raises(ConfigError, match="in use by another hub"):
            other.acquire()
