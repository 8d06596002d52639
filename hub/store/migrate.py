"""Brings a store to the version of this release.

Runs inside the starting hub. Each version expands before a later one contracts, so the previous
release works on the next store: two replicas of two releases can share one during an upgrade.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from hub.errors import ConfigError
from hub.store.db import Database
from hub.store.meta import get_meta, put_meta
from hub.store.partitions import create_ahead

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any constant will do, as long as every release takes the same one.
_ADVISORY_LOCK = 0x7261_636B


def migrate(db: Database, *, to: str = "head", now: datetime | None = None) -> list[str]:
    """Applies what is pending, all in one transaction, and names it.

    Replicas that start together wait for the first. Raises ConfigError for a store of a later
    release that this one doesn't work with.
    """
    now = now or datetime.now(UTC)
    with db.writing() as connection:
        _wait_for_others(connection)
        missing = _missing(version_of(connection), _works_with(connection))
        steps = missing if to == "head" else [step for step in missing if step <= to]
        if steps:
            _apply(connection, steps[-1])
            _note(connection, steps[-1], now)
        create_ahead(connection, now)
    return steps


def current(db: Database) -> str | None:
    """The version of the store, None before its first migration."""
    with db.reading() as connection:
        return version_of(connection)


def pending(db: Database) -> list[str]:
    """The versions that `migrate` would apply, oldest first."""
    with db.reading() as connection:
        return _missing(version_of(connection), _works_with(connection))


def versions() -> list[str]:
    """Every version this release knows, oldest first."""
    return [script.revision for script in _scripts().walk_revisions()][::-1]


def store_epoch(connection: Connection) -> str:
    """Identifies this life of the store: another one after every restore and import (D10)."""
    epoch = get_meta(connection, "store_epoch")
    assert epoch is not None
    return epoch


def renew_epoch(connection: Connection) -> str:
    """Begins another life of the store: what was sent or launched before is not known for sure."""
    epoch = str(uuid.uuid4())
    put_meta(connection, "store_epoch", epoch)
    return epoch


def _missing(version: str | None, works_with: str | None) -> list[str]:
    known = versions()
    if version is None:
        return known
    if version in known:
        return known[known.index(version) + 1 :]
    if works_with in known:
        return []  # a later release has migrated it and says that we can go on
    raise ConfigError(
        f"database_url: the store is of version {version}, this release knows up to {known[-1]}; "
        "start a newer release of Trackside, or restore the backup taken before the upgrade"
    )


def _apply(connection: Connection, to: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _note(connection: Connection, version: str, now: datetime) -> None:
    """Notes in `meta` what the migration is about, and what a first one begins."""
    module = _scripts().get_revision(version).module
    put_meta(connection, "works_with", module.works_with)
    if not get_meta(connection, "created_at"):
        put_meta(connection, "created_at", now.isoformat())
        renew_epoch(connection)


def _wait_for_others(connection: Connection) -> None:
    """On SQLite the transaction itself keeps others out (BEGIN IMMEDIATE)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def version_of(connection: Connection) -> str | None:
    """The version of the store, None before its first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def _works_with(connection: Connection) -> str | None:
    if not inspect(connection).has_table("meta"):
        return None
    return get_meta(connection, "works_with")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
