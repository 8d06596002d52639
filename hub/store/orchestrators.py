"""Orchestrators: their health, how far we know them, and the work that waits in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from hub.errors import NotFound
from hub.store.access import next_id
from hub.store.reading import Page, Slice, among, cut, decode_cursor
from hub.store.tables import (
    backfill_told,
    backlog_sample,
    counter,
    health,
    namespace,
    orchestrator,
    poll,
    watermark,
)
from hub.store.views import View

MICROSECONDS = 1_000_000


class HealthView(View, frozen=True):
    """Health of one part; an empty `part` is the whole."""

    part: str
    status: str
    detail: str | None
    at: datetime


class WatermarkView(View, frozen=True):
    """All facts up to `complete_to` are in."""

    stream: str
    complete_to: datetime
    at: datetime


class BacklogView(View, frozen=True):
    """Work that waited in a queue or pool; `oldest_wait_s` in seconds."""

    pool: str
    at: datetime
    queued: int
    running: int | None
    capacity: int | None
    oldest_wait_s: float | None


class BackfillToldView(View, frozen=True):
    """A backfill of the orchestrator's own; its runs tell `natural_id` as theirs.

    state: the orchestrator's own word. about: what it is of. partitions: how many, if told.
    """

    natural_id: str
    state: str
    about: str
    partitions: int | None
    begun_at: datetime | None
    ended_at: datetime | None
    at: datetime


class PollView(View, frozen=True):
    """How asking it goes. `progress`: of a long first read; `next_at`: not before, after failures.

    complete_at: when last nothing was left to read. requests, events: of all polls together.
    """

    begun_at: datetime | None
    ended_at: datetime | None
    complete_at: datetime | None
    next_at: datetime
    failures: int
    error: str | None
    progress: str
    requests: int
    events: int


class OrchestratorView(View, frozen=True):
    """One connected instance. `clock_skew_s`: how far its clock is ahead of ours, in seconds.

    poll: None where it was never asked. disagreements: attempts of whose end it answered another
    thing than its senders told. backfills: its own, the latest first.
    """

    name: str
    kind: str
    created_at: datetime
    last_event_at: datetime | None
    clock_skew_s: float | None
    namespaces: list[str]
    health: list[HealthView]
    watermarks: list[WatermarkView]
    backlog: list[BacklogView]
    poll: PollView | None
    disagreements: int
    backfills: list[BackfillToldView]


class Standing(View, frozen=True):
    """How well an orchestrator is known: its watermark, polls that failed in a row, disagreements."""

    name: str
    complete_to: datetime | None
    failures: int | None
    disagreements: int


#: Namespaces that the view of an orchestrator names at most.
MOST_NAMESPACES = 100
#: Backfills that it shows at most.
MOST_BACKFILLS = 20


def list_orchestrators(connection: Connection, page: Page) -> Slice[OrchestratorView]:
    """Orchestrators by name, each with its latest samples."""
    statement = select(orchestrator).order_by(orchestrator.c.name)
    if page.after is not None:
        statement = statement.where(orchestrator.c.name > decode_cursor(page.after, tuple[str])[0])
    rows = connection.execute(statement.limit(page.limit + 1).offset(page.offset)).all()
    kept, following = cut(rows, page, lambda row: (row.name,))
    return Slice(_views(connection, kept), following)


def get_orchestrator(connection: Connection, name: str) -> OrchestratorView:
    rows = connection.execute(select(orchestrator).where(orchestrator.c.name == name)).all()
    if not rows:
        raise NotFound(f"Orchestrator '{name}' not found.")
    return _views(connection, rows)[0]


def standings(connection: Connection, names: Iterable[str]) -> list[Standing]:
    """Of those of the named orchestrators that are known."""
    whole = (watermark.c.orchestrator_id == orchestrator.c.id) & (watermark.c.stream == "")
    statement = (
        select(orchestrator.c.id, orchestrator.c.name, watermark.c.complete_to, poll.c.failures)
        .outerjoin(watermark, whole)
        .outerjoin(poll, poll.c.orchestrator == orchestrator.c.name)
    )
    rows = list(among(connection, statement, orchestrator.c.name, list(names)))
    disputed = _disagreements(connection, [row.id for row in rows])
    return [Standing(row.name, row.complete_to, row.failures, disputed[row.id]) for row in rows]


def introduce(connection: Connection, name: str, kind: str, *, now: datetime) -> None:
    """The orchestrator is there, of this kind, before anything is heard of it."""
    mine = orchestrator.update().where(orchestrator.c.name == name).values(kind=kind)
    if not connection.execute(mine).rowcount:
        number = next_id(connection, "orchestrator")
        row = {"id": number, "name": name, "kind": kind, "created_at": now}
        connection.execute(orchestrator.insert().values(row))


def list_backlog(
    connection: Connection, name: str, pool: str | None, since: datetime, limit: int
) -> list[BacklogView]:
    """Backlog samples of an orchestrator since an instant, the latest first."""
    key = select(orchestrator.c.id).where(orchestrator.c.name == name)
    found = connection.scalar(key)
    if found is None:
        raise NotFound(f"Orchestrator '{name}' not found.")
    mine = select(backlog_sample).where(
        backlog_sample.c.orchestrator_id == found, backlog_sample.c.at >= since
    )
    if pool is not None:
        mine = mine.where(backlog_sample.c.pool == pool)
    ordered = mine.order_by(backlog_sample.c.at.desc(), backlog_sample.c.pool).limit(limit)
    return [_backlog(row) for row in connection.execute(ordered)]


def _views(connection: Connection, rows: Iterable[Row[Any]]) -> list[OrchestratorView]:
    listed = list(rows)
    keys = [row.id for row in listed]
    spaces = _namespaces(connection, keys)
    parts = _grouped(connection, health, keys)
    marks = _grouped(connection, watermark, keys)
    waiting = _latest_backlog(connection, keys)
    polls = _polls(connection, [row.name for row in listed])
    disputed = _disagreements(connection, keys)
    return [
        OrchestratorView(
            row.name,
            row.kind,
            row.created_at,
            row.last_event_at,
            None if row.clock_skew_us is None else row.clock_skew_us / MICROSECONDS,
            spaces[row.id],
            [HealthView(h.part, h.status, h.detail, h.at) for h in parts[row.id]],
            [WatermarkView(w.stream, w.complete_to, w.at) for w in marks[row.id]],
            waiting[row.id],
            polls.get(row.name),
            disputed[row.id],
            backfills_of(connection, row.id),
        )
        for row in listed
    ]


def backfills_of(connection: Connection, key: int) -> list[BackfillToldView]:
    """Those that began last, of the orchestrator's own."""
    told = backfill_told.c
    columns = [told[name] for name in BackfillToldView.__struct_fields__]
    mine = select(*columns).where(told.orchestrator_id == key)
    latest = mine.order_by(func.coalesce(told.begun_at, told.at).desc(), told.natural_id)
    return [BackfillToldView(*row) for row in connection.execute(latest.limit(MOST_BACKFILLS))]


def _disagreements(connection: Connection, keys: list[int]) -> dict[int, int]:
    statement = select(namespace.c.orchestrator_id, counter.c.value).join(
        counter, counter.c.scope_id == namespace.c.id
    )
    told = statement.where(counter.c.name == "disagreements")
    found: dict[int, int] = defaultdict(int)
    for key, value in among(connection, told, namespace.c.orchestrator_id, keys):
        found[key] += value
    return found


def _polls(connection: Connection, names: list[str]) -> dict[str, PollView]:
    columns = [poll.c[name] for name in PollView.__struct_fields__]
    rows = among(connection, select(poll.c.orchestrator, *columns), poll.c.orchestrator, names)
    return {row[0]: PollView(*row[1:]) for row in rows}


def _namespaces(connection: Connection, keys: list[int]) -> dict[int, list[str]]:
    statement = select(namespace.c.orchestrator_id, namespace.c.name).order_by(namespace.c.name)
    found: dict[int, list[str]] = defaultdict(list)
    for key, name in among(connection, statement, namespace.c.orchestrator_id, keys):
        if len(found[key]) < MOST_NAMESPACES:
            found[key].append(name)
    return found


def _grouped(connection: Connection, table: Any, keys: list[int]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in among(connection, select(table), table.c.orchestrator_id, keys):
        found[row.orchestrator_id].append(row)
    return found


def _latest_backlog(connection: Connection, keys: list[int]) -> dict[int, list[BacklogView]]:
    sample = backlog_sample.c
    latest = (
        select(sample.orchestrator_id, sample.pool, func.max(sample.at).label("at"))
        .where(sample.orchestrator_id.in_(keys))
        .group_by(sample.orchestrator_id, sample.pool)
        .subquery()
    )
    statement = select(backlog_sample).join(
        latest,
        (sample.orchestrator_id == latest.c.orchestrator_id)
        & (sample.pool == latest.c.pool)
        & (sample.at == latest.c.at),
    )
    found: dict[int, list[BacklogView]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.orchestrator_id].append(_backlog(row))
    return found


def _backlog(row: Row[Any]) -> BacklogView:
    return BacklogView(row.pool, row.at, row.queued, row.running, row.capacity, row.oldest_wait_s)


def names(connection: Connection) -> dict[int, str]:
    """Of all that are known, by their number."""
    return {row.id: row.name for row in connection.execute(select(orchestrator))}
