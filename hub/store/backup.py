"""Backup and restore of a SQLite store, while a hub works on it; PostgreSQL has pg_dump."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hub.errors import BadInput, ConfigError
from hub.store import holds
from hub.store.db import Database
from hub.store.lock import StoreLock
from hub.store.meta import put_meta

PAGES = 2000

#: Told of pages done and pages in all.
Progress = Callable[[int, int], None]


def backup(db: Database, file: Path, progress: Progress) -> None:
    """Copies the store as it is at one moment into `file`, which appears when it is whole."""
    if not db.is_sqlite:
        raise ConfigError(_USE_PG_DUMP.format(name=db.url.database))
    part = file.with_name(file.name + ".part")
    with closing(_connect(Path(str(db.url.database)))) as source:
        # A snapshot of our own: else each commit of the hub would make the copy begin again.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _copy(source, part, progress)
    _mark(part)
    _sync(part)
    part.replace(file)


def restore(db: Database, file: Path, *, now: datetime, progress: Progress) -> Path | None:
    """Puts a backup in the store's place; what was there is kept beside it, and its path returned.

    The store begins another life (D10): what was sent or launched since the backup is unknown.
    Raises BadInput if `file` is no whole store, ConfigError while a hub uses the store.
    """
    if not db.is_sqlite:
        raise ConfigError(_USE_PG_RESTORE.format(name=db.url.database))
    check(file)
    target = Path(str(db.url.database))
    if target.is_symlink():
        target = target.resolve()
    with StoreLock(db).held("restore"):
        part = target.with_name(target.name + ".part")
        with closing(_connect(file)) as source:
            _copy(source, part, progress)
        _renew(part, now)
        _sync(part)
        kept = _set_aside(target, now)
        part.replace(target)
    return kept


def check(file: Path) -> str:
    """The version of the store in a file; BadInput if it is no whole store of Trackside."""
    if not file.exists():
        raise BadInput("file", str(file), "a file that exists")
    try:
        with closing(_connect(file)) as source:
            told: str = source.execute("PRAGMA quick_check(1)").fetchone()[0]
            version: str = source.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    except (sqlite3.DatabaseError, TypeError) as error:
        raise BadInput("file", str(error), "a backup made by trackside store backup") from None
    if told != "ok":
        raise BadInput("file", told, "an undamaged store")
    return version


def renew(db: Database, now: datetime) -> str:
    """Begins another life of the store, held until confirmed; for PostgreSQL, after pg_restore."""
    with db.writing() as connection:
        return holds.begin_again(connection, "the store was restored", now)


def _copy(source: sqlite3.Connection, part: Path, progress: Progress) -> None:
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part)) as target:
        source.backup(
            target, pages=PAGES, progress=lambda _, left, total: progress(total - left, total)
        )


def _renew(part: Path, now: datetime) -> None:
    with closing(Database(f"sqlite:///{part}")) as db:
        renew(db, now)
    _fold(part)


def _mark(part: Path) -> None:
    """Says in the copy that it is one: whoever puts it in place by hand forgets to say so."""
    with closing(Database(f"sqlite:///{part}")) as db, db.writing() as connection:
        put_meta(connection, holds.BACKUP, datetime.now(UTC).isoformat())
    _fold(part)


def _fold(part: Path) -> None:
    """The file has no log beside it any more."""
    with closing(_connect(part)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        Path(f"{part}{suffix}").unlink(missing_ok=True)


def _set_aside(target: Path, now: datetime) -> Path | None:
    """Gives the store and its log a second name, then removes the log: it belongs to no other file.

    The store itself stays in its place until the backup takes it, so that there is always one.
    """
    if not target.exists():
        return None
    kept = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%S}")
    for suffix in ("", "-wal", "-shm"):
        beside = Path(f"{target}{suffix}")
        if beside.exists():
            _name_too(Path(f"{kept}{suffix}"), beside)
    for suffix in ("-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    return kept


def _name_too(new: Path, file: Path) -> None:
    try:
        new.hardlink_to(file)
    except OSError:  # a file system without hard links
        shutil.copy2(file, new)


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, isolation_level=None, timeout=30)


def _sync(file: Path) -> None:
    for path in (file, file.parent):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


_USE_PG_DUMP = (
    "database_url: a backup of PostgreSQL is made by its own tools: "
    "pg_dump --format=custom --file=trackside.dump {name}"
)
_USE_PG_RESTORE = (
    "database_url: PostgreSQL is restored by its own tools: stop all hubs, "
    "pg_restore --clean --if-exists --dbname={name} trackside.dump, then trackside store renew"
)
