"""The database behind one URL: its engines, its pragmas, and short-lived read connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy import Connection as Connection  # noqa: PLC0414  for those who know no SQL
from sqlalchemy.pool import QueuePool

from hub.errors import ConfigError

READERS = 8
#: Of each reader, and of the writer; what they do not hold the system mostly does.
READ_CACHE_KB = 4_000
WRITE_CACHE_KB = 16_000
GONE = "the database file was removed or replaced while the hub ran; put it back and start again"
BUSY_TIMEOUT_MS = 30_000
READ_TIMEOUT_S = 10.0
# 8 KB pages and a checkpoint each 8,000 pages measured 20 % less work per event than the defaults.
PAGE_SIZE = 8192
CHECKPOINT_PAGES = 8000


class Database:
    """One store: `sqlite:///file` or `postgresql://...`.

    Everybody reads through :meth:`reading`; only the writer opens :meth:`writing`.
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """`durable=False` gives up the safety of the last commits, for tests that need speed."""
        self.url = _parse(url)
        self.dialect = self.url.get_backend_name()
        self.durable = durable
        if self.file is not None:
            _make_folder(self.file)
        self._file: tuple[int, int] | None = None
        self.write_engine = self._engine(pool_size=2)
        self.read_engine = self._engine(pool_size=READERS, read_only=True)

    @property
    def is_sqlite(self) -> bool:
        return self.dialect == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of a SQLite store."""
        return _file(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent snapshot to read from; ended at once on leaving."""
        # Committed although nothing was written: after a rollback psycopg forgets every statement
        # that it has prepared, and PostgreSQL plans each anew.
        with self.read_engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed on leaving, rolled back on an exception."""
        with self.write_engine.begin() as connection:
            if self.is_sqlite:
                self._check_file()
            yield connection

    def _check_file(self) -> None:
        """Raises where the open file is no longer the one that its name leads to.

        SQLite would go on writing into a file that nobody can open again.
        """
        try:
            seen = Path(self.url.database or "").stat()
        except FileNotFoundError:
            raise sqlite3.OperationalError(GONE) from None
        self._file = self._file or (seen.st_dev, seen.st_ino)
        if (seen.st_dev, seen.st_ino) != self._file:
            raise sqlite3.OperationalError(GONE)

    def close(self) -> None:
        self._file = None
        self.read_engine.dispose()
        self.write_engine.dispose()

    def _engine(self, *, pool_size: int, read_only: bool = False) -> Engine:
        if self.is_sqlite:
            return self._sqlite_engine(pool_size=pool_size, read_only=read_only)
        return self._postgres_engine(pool_size=pool_size, read_only=read_only)

    def _sqlite_engine(self, *, pool_size: int, read_only: bool) -> Engine:
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            hide_parameters=True,  # a payload has no place in an error's text
            pool_size=pool_size,
            pool_use_lifo=True,  # each has a cache of its own: few are used, and stay warm
            max_overflow=0,
            pool_timeout=READ_TIMEOUT_S,
            connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        )

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _: Any) -> None:
            # The driver would open transactions late and deferred; we say BEGIN ourselves.
            connection.isolation_level = None
            for pragma in self._pragmas(read_only=read_only):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

        return engine

    def _pragmas(self, *, read_only: bool) -> tuple[str, ...]:
        if read_only:
            return (
                f"busy_timeout={BUSY_TIMEOUT_MS}",
                "query_only=1",
                f"cache_size=-{READ_CACHE_KB}",
            )
        return (
            f"page_size={PAGE_SIZE}",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            f"synchronous={'FULL' if self.durable else 'OFF'}",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            f"cache_size=-{WRITE_CACHE_KB}",
        )

    def _postgres_engine(self, *, pool_size: int, read_only: bool) -> Engine:
        options = "-c jit=off"
        if read_only:
            # A read takes a few rows by their keys from what is mostly in memory: by the default
            # cost of a page out of order (4.0) a scan of the whole table looks cheaper.
            options += " -c default_transaction_read_only=on -c random_page_cost=1.1"
        else:
            # The writer looks rows up by their keys. A plan made while a table was small would go
            # through all of it for as long as the connection lives.
            options += " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
        if not self.durable and not read_only:
            options += " -c synchronous_commit=off"
        return create_engine(
            self.url,
            pool_size=pool_size,
            pool_use_lifo=True,  # each plans its statements for itself
            max_overflow=0,
            pool_timeout=READ_TIMEOUT_S,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"options": options, "application_name": "trackside"},
        )


def store_file(url: str) -> Path | None:
    """The file behind the URL of a SQLite store; it need not be there."""
    return _file(_parse(url))


def _file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"database_url: the folder of {file} can't be made: {error.strerror}; make it for "
            "this user, or name a file elsewhere (TRACKSIDE_DATABASE_URL=sqlite:////folder/file.db)"
        ) from None


def _parse(url: str) -> URL:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(
        f"database_url: {parsed.drivername!r} is not a store Trackside knows; "
        "use sqlite:///file or postgresql://user@host/name"
    )
