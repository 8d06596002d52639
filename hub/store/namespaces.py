"""Namespaces, as the read API lists and people edit them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from hub.errors import NotFound
from hub.store.names import find_namespace
from hub.store.reading import Page, Slice, cut, decode_cursor
from hub.store.tables import dataset, job, namespace
from hub.store.views import NamespaceView

_columns = select(namespace)
# These rows are rare: an id is taken in the transaction that uses it, not from a writer's block.
_NEXT_ID = text(
    "INSERT INTO id_block (name, next) VALUES ('namespace', 2) "
    "ON CONFLICT (name) DO UPDATE SET next = id_block.next + 1 RETURNING next - 1"
)
#: How many jobs or datasets one step of hiding a namespace may touch.
STEP = 500


def list_namespaces(connection: Connection, page: Page) -> Slice[NamespaceView]:
    """Namespaces by name, hidden ones too: Marquez lists them with their mark."""
    statement = _columns.order_by(namespace.c.name).limit(page.limit + 1).offset(page.offset)
    if page.after is not None:
        statement = statement.where(namespace.c.name > decode_cursor(page.after, tuple[str])[0])
    rows, following = cut(connection.execute(statement).all(), page, lambda row: (row.name,))
    return Slice([_view(row) for row in rows], following)


def get_namespace(connection: Connection, name: str) -> NamespaceView:
    row = connection.execute(_columns.where(namespace.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"Namespace '{name}' not found.")
    return _view(row)


def put_namespace(
    connection: Connection, name: str, owner: str, description: str | None, now: datetime
) -> NamespaceView:
    """Creates the namespace or changes its owner and description, and shows it again."""
    said = {"owner": owner, "description": description, "hidden": False, "updated_at": now}
    changed = connection.execute(update(namespace).where(namespace.c.name == name).values(said))
    if not changed.rowcount:
        said |= {"id": connection.execute(_NEXT_ID).scalar_one(), "name": name, "created_at": now}
        connection.execute(insert(namespace).values(said))
    return get_namespace(connection, name)


def hide_namespace(connection: Connection, name: str) -> NamespaceView:
    """Marks the namespace as hidden; the next event in it shows it again."""
    connection.execute(update(namespace).where(namespace.c.name == name).values(hidden=True))
    return get_namespace(connection, name)


def hide_some_within(connection: Connection, name: str) -> bool:
    """Hides some of the namespace's jobs and datasets; whether others remain."""
    found = find_namespace(connection, name)
    more_jobs = _hide_some(connection, job, found)
    more_datasets = _hide_some(connection, dataset, found)
    return more_jobs or more_datasets


def _hide_some(connection: Connection, entity: Any, namespace_id: int) -> bool:
    some = (
        select(entity.c.id)
        .where(entity.c.namespace_id == namespace_id, entity.c.hidden.is_(False))
        .limit(STEP)
    )
    hidden = connection.execute(update(entity).where(entity.c.id.in_(some)).values(hidden=True))
    return hidden.rowcount == STEP


def _view(row: Row[Any]) -> NamespaceView:
    return NamespaceView(
        row.name, row.created_at, row.updated_at, row.owner, row.description, row.hidden
    )
