"""What became of the updates that a subscription saw, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, and_, false, func, select, tuple_

from hub.model import EntityName
from hub.store.arrivals import Fate
from hub.store.reading import Page, Slice, cut, decode_cursor
from hub.store.tables import arrival, launch, subscription, waiting
from hub.store.views import View

#: The fate of what waits although its condition holds, or while its subscription is paused.
HELD = "held"


class ArrivalView(View, frozen=True):
    """An update as a subscription saw it. update: its number. partition: of the dataset;
    targetPartition: of the target, for which it counts ("": the target has none). fate: waiting,
    held, launched, coalesced, refused or ignored; launch: the one that used it, and how far it is.
    """

    update: int
    dataset: EntityName
    partition: str
    target_partition: str
    at: datetime
    seen_at: datetime
    fate: str
    reason: str | None
    launch: int | None
    launch_state: str | None


class WaitView(View, frozen=True):
    """One thing that is waited for. since: when the waiting began."""

    text: str
    dataset: str | None = None
    since: datetime | None = None


class StandView(View, frozen=True):
    """Where a partition of the target stands. blocked: its condition holds, and why nothing is
    launched all the same. dueAt: when time alone may change that. updates: that wait for it.
    """

    partition: str
    waiting_for: list[WaitView]
    blocked: str | None
    first_at: datetime | None
    due_at: datetime | None
    last_launch_at: datetime | None
    updates: int


def list_arrivals(
    connection: Connection,
    number: int,
    page: Page,
    *,
    pause: str | None = None,
    fate: str | None = None,
    partition: str | None = None,
    update: int | None = None,
) -> Slice[ArrivalView]:
    """The latest update first. pause: why the subscription is paused, if it is."""
    mine = arrival.c
    statement = _arrivals().where(mine.subscription_id == number)
    if fate is not None:
        statement = _of_fate(statement, fate, paused=pause is not None)
    if partition is not None:
        statement = statement.where(mine.partition == partition)
    if update is not None:
        statement = statement.where(mine.update_id == update)
    if page.after is not None:
        after = decode_cursor(page.after, tuple[int, str])
        statement = statement.where(tuple_(mine.update_id, mine.partition) < after)
    statement = statement.order_by(mine.update_id.desc(), mine.partition.desc())
    rows = connection.execute(statement.limit(page.limit + 1).offset(page.offset)).all()
    kept, following = cut(rows, page, lambda row: (row.update_id, row.partition))
    return Slice([_arrival(row, pause) for row in kept], following)


def _arrivals() -> Select[Any]:
    same = and_(
        waiting.c.subscription_id == arrival.c.subscription_id,
        waiting.c.partition == arrival.c.partition,
    )
    columns = (arrival, waiting.c.blocked, waiting.c.waiting_for, launch.c.state.label("state"))
    joined = select(*columns).outerjoin(waiting, same)
    return joined.outerjoin(launch, launch.c.id == arrival.c.launch_id)


def _of_fate(statement: Select[Any], fate: str, *, paused: bool) -> Select[Any]:
    if fate not in (HELD, Fate.WAITING):
        return statement.where(arrival.c.fate == fate)
    statement = statement.where(arrival.c.waits_since.is_not(None))
    if paused:
        return statement if fate == HELD else statement.where(false())
    blocked = waiting.c.blocked
    return statement.where(blocked.is_not(None) if fate == HELD else blocked.is_(None))


def _arrival(row: Row[Any], pause: str | None) -> ArrivalView:
    fate, reason = _fate(row, pause)
    return ArrivalView(
        row.update_id,
        EntityName(row.namespace, row.name),
        row.source_partition,
        row.partition,
        row.at,
        row.seen_at,
        fate,
        reason,
        row.launch_id,
        row.state,
    )


def _fate(row: Row[Any], pause: str | None) -> tuple[str, str | None]:
    if row.waits_since is None:
        return row.fate, row.reason
    if pause is not None:
        return HELD, pause
    if row.blocked is not None:
        return HELD, row.blocked
    waits = [one["text"] for one in msgspec.json.decode(row.waiting_for or "[]")]
    return Fate.WAITING, "; ".join(waits) or None


def list_stands(
    connection: Connection, number: int, limit: int, *, partition: str | None = None
) -> list[StandView]:
    """Where partitions stand for which something waits, the longest first; or that one."""
    mine = waiting.c
    statement = select(waiting, _open_updates()).where(mine.subscription_id == number)
    if partition is None:
        statement = statement.where(mine.first_at.is_not(None))
    else:
        statement = statement.where(mine.partition == partition)
    rows = connection.execute(statement.order_by(mine.first_at, mine.partition).limit(limit))
    return [_stand(row) for row in rows]


def _open_updates() -> Any:
    return (
        select(func.count())
        .where(
            arrival.c.subscription_id == waiting.c.subscription_id,
            arrival.c.partition == waiting.c.partition,
            arrival.c.waits_since.is_not(None),
        )
        .correlate(waiting)
        .scalar_subquery()
        .label("updates")
    )


def _stand(row: Row[Any]) -> StandView:
    waits = msgspec.json.decode(row.waiting_for, type=list[dict[str, Any]])
    return StandView(
        row.partition,
        [msgspec.convert(one, WaitView) for one in waits],
        row.blocked,
        row.first_at,
        row.due_at,
        row.last_launch_at,
        row.updates,
    )


def count_waiting(connection: Connection, number: int) -> int:
    """Partitions for which something waits."""
    mine = waiting.c
    statement = select(func.count()).where(
        mine.subscription_id == number, mine.first_at.is_not(None)
    )
    return int(connection.scalar(statement) or 0)


class ConditionFigures(Struct, frozen=True):
    """Of a subscription: partitions of its target that wait for more updates, or whose condition is
    satisfied and that are held by a limit or a pause; since when the oldest waits, None: none does.
    """

    subscription: str
    waiting: int
    held: int
    since: datetime | None


_PAUSED: Final = subscription.c.paused_at.is_not(None)
_FIGURES: Final = (
    select(
        subscription.c.name,
        _PAUSED.label("paused"),
        func.count(waiting.c.first_at).label("waits"),
        func.count(waiting.c.blocked).label("blocked"),
        func.min(waiting.c.first_at).label("since"),
    )
    .outerjoin(
        waiting,
        (waiting.c.subscription_id == subscription.c.id) & waiting.c.first_at.is_not(None),
    )
    .group_by(subscription.c.name, _PAUSED)
)


def condition_figures(connection: Connection) -> list[ConditionFigures]:
    """Of every subscription."""
    return [_figures(row) for row in connection.execute(_FIGURES)]


def _figures(row: Row[Any]) -> ConditionFigures:
    held = row.waits if row.paused else row.blocked
    return ConditionFigures(row.name, row.waits - held, held, row.since)
