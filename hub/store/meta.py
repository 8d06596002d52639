"""Single values that the store keeps of itself."""

from __future__ import annotations

from sqlalchemy import Connection, select

from hub.store.tables import meta
from hub.store.upsert import upsert


def get_meta(connection: Connection, key: str) -> str | None:
    return connection.scalar(select(meta.c.value).where(meta.c.key == key))


def put_meta(connection: Connection, key: str, value: str) -> None:
    upsert(connection, meta, [{"key": key, "value": value}])


def drop_meta(connection: Connection, key: str) -> None:
    connection.execute(meta.delete().where(meta.c.key == key))


def key_prefix(connection: Connection) -> str:
    """What the keys of notifications begin with: no two lives of a store share one."""
    return f"trackside-{(get_meta(connection, 'store_epoch') or '')[:8]}"
