"""Sources of datasets: the databases, buckets and brokers they live in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from hub.errors import NotFound
from hub.store.reading import Page, Slice, cut, decode_cursor
from hub.store.tables import source
from hub.store.views import SourceView


def list_sources(connection: Connection, page: Page) -> Slice[SourceView]:
    statement = select(source).order_by(source.c.name).limit(page.limit + 1).offset(page.offset)
    if page.after is not None:
        statement = statement.where(source.c.name > decode_cursor(page.after, tuple[str])[0])
    rows, following = cut(connection.execute(statement).all(), page, lambda row: (row.name,))
    return Slice([_view(row) for row in rows], following)


def get_source(connection: Connection, name: str) -> SourceView:
    row = connection.execute(select(source).where(source.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"Source '{name}' not found.")
    return _view(row)


def put_source(
    connection: Connection, name: str, kind: str, uri: str, description: str | None, now: datetime
) -> SourceView:
    said = {"kind": kind, "uri": uri, "description": description, "updated_at": now}
    changed = connection.execute(update(source).where(source.c.name == name).values(said))
    if not changed.rowcount:
        connection.execute(insert(source).values({**said, "name": name, "created_at": now}))
    return get_source(connection, name)


def _view(row: Row[Any]) -> SourceView:
    return SourceView(row.kind, row.name, row.created_at, row.updated_at, row.uri, row.description)
