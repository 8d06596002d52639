"""The feed of changes, for programs outside: every recorded transition once, in commit order.

Each writer numbers its changes as it commits them, so a place in the feed is one number per
writer; that is what a cursor holds (DESIGN D4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw
from sqlalchemy import Connection, Integer, Row, bindparam, func, or_, select

from hub.model import EntityName, Viewer
from hub.store.reading import (
    Slice,
    dataset_seen,
    decode_cursor,
    distinct,
    encode_cursor,
    job_seen,
    uuid_text,
)
from hub.store.tables import attempt, change, dataset, job, namespace, run
from hub.store.views import View

_job_space, _dataset_space = namespace.alias("job_space"), namespace.alias("dataset_space")

Places = dict[int, int]


class ChangeView(View, frozen=True):
    """One transition. What it is about may have been removed since: None then."""

    writer: int
    seq: int
    at: datetime
    kind: str
    job: EntityName | None
    run_id: str | None
    attempt_id: str | None
    dataset: EntityName | None
    detail: Raw | None


def list_changes(
    connection: Connection, viewer: Viewer, cursor: str | None, limit: int
) -> Slice[ChangeView]:
    """What follows the cursor, from the oldest kept where there is none.

    `next` is always there: asked again later, it gives what was recorded meanwhile. What the
    viewer may not see is passed over.
    """
    places = {} if cursor is None else dict(decode_cursor(cursor, list[tuple[int, int]]))
    found: list[ChangeView] = []
    for writer in distinct(connection, change.c.writer_id):
        room = limit - len(found)
        if room <= 0:
            break
        rows = following(connection, writer, places.get(writer, 0), room)
        if rows:
            places[writer] = rows[-1].seq
        found += _seen(connection, viewer, rows)
    return Slice(found, encode_cursor(*places.items()))


def latest_place(connection: Connection) -> str:
    """The cursor behind everything that is recorded by now."""
    return encode_cursor(*heads(connection).items())


def heads(connection: Connection) -> Places:
    """The latest change of each writer."""
    return {
        writer: int(connection.scalar(_HEAD, {"writer": writer}) or 0)
        for writer in distinct(connection, change.c.writer_id)
    }


_HEAD = select(func.max(change.c.seq)).where(change.c.writer_id == bindparam("writer"))


def following(connection: Connection, writer: int, seq: int, limit: int) -> Sequence[Row[Any]]:
    """The changes of one writer after a place, in order."""
    given = {"writer": writer, "after": seq, "room": limit}
    return connection.execute(_FOLLOWING, given).all()


_FOLLOWING = (
    select(change)
    .where(change.c.writer_id == bindparam("writer"), change.c.seq > bindparam("after"))
    .order_by(change.c.seq)
    .limit(bindparam("room", type_=Integer))
)


def _seen(connection: Connection, viewer: Viewer, rows: Any) -> list[ChangeView]:
    if not rows:
        return []
    keys = [row.seq for row in rows]
    statement = (
        select(
            change,
            _job_space.c.name.label("job_namespace"),
            job.c.name.label("job_name"),
            run.c.attempt_uuid.label("run_uuid"),
            attempt.c.uuid.label("attempt_uuid"),
            _dataset_space.c.name.label("dataset_namespace"),
            dataset.c.name.label("dataset_name"),
        )
        .outerjoin(job, job.c.id == change.c.job_id)
        .outerjoin(_job_space, _job_space.c.id == job.c.namespace_id)
        .outerjoin(run, run.c.id == change.c.run_id)
        .outerjoin(attempt, attempt.c.id == change.c.attempt_id)
        .outerjoin(dataset, dataset.c.id == change.c.dataset_id)
        .outerjoin(_dataset_space, _dataset_space.c.id == dataset.c.namespace_id)
        .where(
            change.c.writer_id == rows[0].writer_id,
            change.c.seq.between(keys[0], keys[-1]),
            or_(job.c.id.is_(None), job_seen(viewer)),
            or_(dataset.c.id.is_(None), dataset_seen(viewer)),
        )
        .order_by(change.c.seq)
    )
    return [_view(row) for row in connection.execute(statement)]


def _view(row: Row[Any]) -> ChangeView:
    return ChangeView(
        row.writer_id,
        row.seq,
        row.at,
        row.kind,
        _name(row.job_namespace, row.job_name),
        uuid_text(row.run_uuid),
        uuid_text(row.attempt_uuid),
        _name(row.dataset_namespace, row.dataset_name),
        None if row.detail is None else Raw(_checked(row.detail)),
    )


def _checked(detail: str) -> str:
    """The detail, which goes out as it is: JSON, or the feed would be broken for good."""
    msgspec.json.decode(detail)
    return detail


def _name(space: str | None, name: str | None) -> EntityName | None:
    return None if space is None or name is None else EntityName(space, name)
