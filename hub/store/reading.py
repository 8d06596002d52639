"""What all read queries share: pages and cursors, who sees what, and public ids.

Reads are shaped so that their cost follows the answer: a page is a range of an index, everything
that belongs to its rows is loaded with one statement per table, whatever the length of the page.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from hub.errors import BadInput
from hub.model import Viewer
from hub.store.tables import dataset, job, team
from hub.store.types import from_micros, to_micros

T = TypeVar("T")

CHUNK = 1000


class Page(Struct, frozen=True):
    """Which part of a list: `limit` rows behind the cursor `after`, or behind `offset` rows."""

    limit: int = 100
    offset: int = 0
    after: str | None = None


class Slice(Struct, Generic[T], frozen=True):
    """A part of a list; `next` is the cursor of what follows, None at the end."""

    items: list[T]
    next: str | None = None
    total: int | None = None


# -- who sees what -----------------------------------------------------------------------------


def seen_by(viewer: Viewer, team_name: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the viewer may see what belongs to the team; no team is everybody's."""
    if viewer.all:
        return true()
    return or_(team_name.is_(None), team_name.not_in(_closed_to(viewer)))


def kept_from(viewer: Viewer, team_name: ColumnElement[Any]) -> ColumnElement[bool]:
    """The opposite of `seen_by`, and as quick where few belong to private teams."""
    return team_name.in_(_closed_to(viewer))


def closed_teams(connection: Connection, viewer: Viewer) -> frozenset[str]:
    """The private teams of which the viewer sees nothing."""
    return frozenset() if viewer.all else frozenset(connection.scalars(_closed_to(viewer)))


def _closed_to(viewer: Viewer) -> Select[Any]:
    return select(team.c.name).where(team.c.private, team.c.name.not_in(sorted(viewer.teams)))


def job_seen(viewer: Viewer, jobs: Any = job) -> ColumnElement[bool]:
    return and_(jobs.c.hidden.is_(False), seen_by(viewer, jobs.c.team))


def dataset_seen(viewer: Viewer, datasets: Any = dataset) -> ColumnElement[bool]:
    return and_(datasets.c.hidden.is_(False), seen_by(viewer, datasets.c.team))


# -- pages -------------------------------------------------------------------------------------


def encode_cursor(*key: object) -> str:
    """An opaque place in a list, from the sort key of the row before it."""
    plain = [to_micros(part) if isinstance(part, datetime) else part for part in key]
    return urlsafe_b64encode(msgspec.json.encode(plain)).decode().rstrip("=")


def decode_cursor(cursor: str, kind: type[T]) -> T:
    """The sort key in a cursor, a tuple type; raises BadInput for what is no cursor of this list."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadInput("cursor", cursor, "the nextCursor of an earlier answer") from error


def decode_moment(cursor: str) -> tuple[datetime, int]:
    """The (instant, id) in the cursor of a list sorted by time."""
    micros, key = decode_cursor(cursor, tuple[int, int])
    try:
        return from_micros(micros), key
    except OverflowError as error:
        raise BadInput("cursor", cursor, "the nextCursor of an earlier answer") from error


def newest_first(
    statement: Select[Any], page: Page, at: Column[Any], key: Column[Any]
) -> Select[Any]:
    """The page of a list sorted by (at, key) descending, and one row more to see if it ends."""
    if page.after is not None:
        moment, last = decode_moment(page.after)
        # The first condition is implied by the second; it is what an index can start from.
        statement = statement.where(at <= moment, or_(at < moment, key < last))
    return statement.order_by(at.desc(), key.desc()).limit(page.limit + 1).offset(page.offset)


def cut(
    rows: Sequence[T], page: Page, key: Callable[[T], tuple[object, ...]]
) -> tuple[Sequence[T], str | None]:
    """The rows of the page and, if others follow, the cursor behind the last of them."""
    kept = rows[: page.limit]
    more = len(rows) > page.limit and kept
    return kept, encode_cursor(*key(kept[-1])) if more else None


def chunks(keys: Iterable[T]) -> Iterator[list[T]]:
    """Keys in portions that a statement's parameters hold on either engine."""
    listed = list(keys)
    return (listed[i : i + CHUNK] for i in range(0, len(listed), CHUNK))


# Building a statement and finding it in the engine's cache costs up to ten times its execution:
# what is asked in every request is built once and kept. Statements and columns are told apart by
# identity; viewers are as many as there are sets of teams.
kept_per_viewer = lru_cache(maxsize=64)


def among(
    connection: Connection,
    statement: Select[Any],
    column: ColumnElement[Any],
    keys: Iterable[Any],
    **given: object,
) -> list[Any]:
    """All rows of the statement whose column is among the keys; quick if the statement is kept.

    `given`: the statement's other parameters.
    """
    keyed = _keyed(connection.dialect.name, statement, column)
    found: list[Any] = []
    for some in chunks(keys):
        found += connection.execute(keyed, {"keys": some, **given}).all()
    return found


@lru_cache(maxsize=512)
def _keyed(dialect: str, statement: Select[Any], column: ColumnElement[Any]) -> Select[Any]:
    if dialect == "postgresql" and isinstance(column.type, BigInteger):
        # One text whatever the number of keys: PostgreSQL plans it once, not at each call.
        return statement.where(column == any_(bindparam("keys", type_=ARRAY(BigInteger))))
    return statement.where(column.in_(bindparam("keys", expanding=True)))


def without_index(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column in a form that tempts SQLite into no index; PostgreSQL has figures to choose by.

    For conditions that most rows fulfil, in lists that another index brings in their order.
    """
    return column + 0 if _is_sqlite(connection) else column


def newest_of_each(
    connection: Connection,
    child: Table,
    group: str,
    order: str,
    keys: list[int],
    count: int,
    *,
    empty: str | None = None,
) -> list[int]:
    """Ids of the `count` newest children of each key, along the index (group, order).

    empty: only those that have nothing in this column.
    """
    parts = newest_rows(connection, child, group, order, keys, count, ("id",), empty=empty)
    return [key for rows in parts for (key,) in rows]


def newest_rows(
    connection: Connection,
    child: Table,
    group: str,
    order: str,
    keys: list[int],
    count: int,
    columns: tuple[str, ...],
    *,
    empty: str | None = None,
) -> Iterator[Sequence[Any]]:
    """These columns of the children that `newest_of_each` finds, in portions; all children of a key
    are in one.
    """
    statement = _newest(connection.dialect.name, child, group, order, empty, columns)
    for some in chunks(keys):
        given = msgspec.json.encode(some).decode() if _is_sqlite(connection) else some
        yield connection.execute(statement, {"keys": given, "count": count}).all()


def distinct(connection: Connection, column: Column[Any]) -> list[Any]:
    """The values of a column that leads an index: one step of it each, however many rows hold it."""
    return list(connection.scalars(stepped(column)))


@lru_cache(maxsize=64)
def stepped(column: Column[Any]) -> Select[Any]:
    """The statement of :func:`distinct`."""
    first = select(func.min(column).label("value")).cte("steps", recursive=True)
    last = first.c.value
    next_one = select(func.min(column)).where(column > last).correlate(first).scalar_subquery()
    steps = first.union_all(select(next_one).where(last.is_not(None)))
    return select(steps.c.value).where(steps.c.value.is_not(None))


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


@lru_cache(maxsize=64)
def _newest(
    dialect: str,
    child: Table,
    group: str,
    order: str,
    empty: str | None,
    columns: tuple[str, ...],
) -> Select[Any]:
    """Takes `keys`, as JSON on SQLite, and `count`."""
    if dialect == "sqlite":
        # Each key's subquery is evaluated once, along the index; SQLite has no LATERAL.
        given = func.json_each(bindparam("keys")).table_valued("value")
        mine = child.alias("mine")
        top = _top(mine, group, order, empty, given.c.value, ("id",)).correlate(given)
        joined = given.join(child, child.c.id.in_(top))
        return select(*(child.c[name] for name in columns)).select_from(joined)
    keys = cast(bindparam("keys"), ARRAY(BigInteger))
    unnested = func.unnest(keys).table_valued("value").render_derived()
    top_rows = _top(child, group, order, empty, unnested.c.value, columns).lateral()
    found = (top_rows.c[name] for name in columns)
    return select(*found).select_from(unnested.join(top_rows, true()))


def _top(
    child: Any,
    group: str,
    order: str,
    empty: str | None,
    key: ColumnElement[Any],
    columns: tuple[str, ...],
) -> Select[Any]:
    mine = select(*(child.c[name] for name in columns)).where(child.c[group] == key)
    if empty is not None:
        mine = mine.where(child.c[empty].is_(None))
    ordered = mine.order_by(child.c[order].desc(), child.c.id.desc())
    return ordered.limit(bindparam("count", type_=Integer))


# -- values ------------------------------------------------------------------------------------


class PublicKind(IntEnum):
    """What the UUID of something numbered stands for; never renumber."""

    JOB = 1
    UPDATE = 2
    SCHEMA = 3


# An RFC 9562 version 8 UUID: 4 fixed bytes, the kind, and the number in the last 62 bits.
_FORM = "74726163-%04x-8000-%04x-%012x"
_VARIANT = 0x8000


def public_uuid(kind: PublicKind, number: int) -> str:
    """The UUID under which a numbered thing is known outside."""
    return _FORM % (kind, _VARIANT | number >> 48, number & 0xFFFF_FFFF_FFFF)


def numbered(value: UUID) -> tuple[PublicKind, int] | None:
    """What `public_uuid` made the UUID from; None: not one of ours."""
    number = value.int & ((1 << 62) - 1)
    for kind in PublicKind:
        if public_uuid(kind, number) == str(value):
            return kind, number
    return None


def uuid_text(value: bytes | None) -> str | None:
    return None if value is None else to_uuid_text(value)


def to_uuid_text(value: bytes) -> str:
    """As `str(UUID(bytes=value))`, in a quarter of the time."""
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def unpack(payload: bytes) -> bytes:
    """The JSON in a stored payload."""
    return zstandard.decompress(payload)


def json_list(text: str | None) -> list[Any]:
    return [] if text is None else msgspec.json.decode(text)
