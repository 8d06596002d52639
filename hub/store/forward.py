"""Raw lineage events as receivers are sent them, and how far each receiver has them.

Ids are handed out in blocks that one writer owns and uses in the order of its commits
(hub.store.ids), so one place per block skips nothing, whatever other writers commit meanwhile. A
block is used for an hour at most: one in which nothing is found later than CLOSED_AFTER since it was
first seen gets nothing any more. A SQLite store has one writer, and is one block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hub.errors import NotFound
from hub.store.access import next_id
from hub.store.ids import block_of, ids_of
from hub.store.reading import among, unpack
from hub.store.tables import (
    dataset,
    event_digest,
    id_block,
    job,
    job_tag,
    lineage_event,
    namespace,
    orchestrator,
    receiver,
    receiver_parked,
    receiver_place,
)
from hub.store.upsert import upsert
from hub.store.views import View

#: An hour of use, and another for a batch that takes its time.
CLOSED_AFTER: Final = timedelta(hours=2)
#: Blocks behind the newest that a receiver which begins now may still get something of.
RECENT: Final = 2000
#: Blocks with something to send that are looked into at a time.
AT_ONCE: Final = 32
_EVERYTHING: Final = range(1, 2**62)


class Stored(Struct, frozen=True):
    """An event with what filters ask for. `order`: of its block, by when it came."""

    id: int
    block: int
    order: int
    received_at: datetime
    event_type: str
    job_id: int | None
    job_namespace: str | None
    job: str | None
    orchestrator: str | None
    dataset_namespace: str | None
    payload: bytes  # zstd


class Block(Struct):
    """How far a block was read, and since when it is known."""

    seq: int
    seen_at: datetime


Blocks = dict[int, Block]


class Receiver(View, frozen=True):
    """How sending to a receiver goes.

    leftOut: by its filter. parked: that it did not take, ever. passedOver: deleted by retention
    before they were sent.
    """

    name: str
    since: datetime
    failures: int
    next_at: datetime | None
    error: str | None
    sent_at: datetime | None
    sent: int
    left_out: int
    parked: int
    passed_over: int


class Parked(View, frozen=True):
    """An event that a receiver did not take; `again`: it is sent once more."""

    id: int
    receiver: str
    event_id: int
    at: datetime
    reason: str
    again: bool


# -- where a receiver is ---------------------------------------------------------------------------


def introduce(connection: Connection, name: str, now: datetime, *, beginning: bool) -> None:
    """A receiver that is new gets what is recorded from now on, or from the beginning."""
    if connection.scalar(select(receiver.c.name).where(receiver.c.name == name)) is not None:
        return
    counts = dict.fromkeys(("failures", "sent", "left_out", "parked", "passed_over"), 0)
    connection.execute(insert(receiver).values(name=name, since=now, **counts))
    save_blocks(connection, name, _begun(connection, now, beginning=beginning), frozenset())


def _begun(connection: Connection, now: datetime, *, beginning: bool) -> Blocks:
    if connection.dialect.name == "sqlite":
        last = 0 if beginning else connection.scalar(select(func.max(lineage_event.c.id)))
        return {0: Block(last or 0, now)}
    newest = _newest(connection)
    if beginning:
        first = connection.scalar(select(func.min(lineage_event.c.id)))
        oldest = newest if first is None else block_of(first)
        return {n: Block(ids_of(n)[0] - 1, now) for n in range(max(0, oldest), newest + 1)}
    oldest = max(0, newest - RECENT)
    # A divisor that is bound would be another one in each place of the statement.
    of = func.div(lineage_event.c.id - 1, len(ids_of(0)))
    rows = connection.execute(
        select(func.max(lineage_event.c.id)).where(lineage_event.c.id >= ids_of(oldest)[0])
        .group_by(of)
    )  # fmt: skip
    last_of = {block_of(row[0]): row[0] for row in rows}
    return {n: Block(last_of.get(n, ids_of(n)[0] - 1), now) for n in range(oldest, newest + 1)}


def blocks_of(connection: Connection, name: str, now: datetime) -> tuple[Blocks, frozenset[int]]:
    """The blocks that are not closed, the oldest first, and which of them are new since the last."""
    mine = receiver_place.c
    rows = connection.execute(
        select(mine.block, mine.seq, mine.seen_at).where(mine.receiver == name).order_by(mine.block)
    )
    found = {row.block: Block(row.seq, row.seen_at) for row in rows}
    if connection.dialect.name == "sqlite":
        return found, frozenset()
    fresh = range(max(found, default=-1) + 1, _newest(connection) + 1)
    return found | {n: Block(ids_of(n)[0] - 1, now) for n in fresh}, frozenset(fresh)


def save_blocks(
    connection: Connection, name: str, blocks: Mapping[int, Block], closed: frozenset[int]
) -> None:
    """Keeps the places of blocks, and nothing more of those that are closed."""
    rows = [
        {"receiver": name, "block": n, "seq": one.seq, "seen_at": one.seen_at}
        for n, one in blocks.items()
    ]
    upsert(connection, receiver_place, rows)
    mine = receiver_place.c
    if closed:
        gone = mine.block.in_(closed)
        connection.execute(delete(receiver_place).where(mine.receiver == name, gone))


def _newest(connection: Connection) -> int:
    """The block that was taken last; -1 before the first."""
    following = select(id_block.c.next).where(id_block.c.name == "lineage_event")
    return block_of((connection.scalar(following) or 1) - 1)


# -- events ----------------------------------------------------------------------------------------


class Page(Struct):
    """The next events of some blocks. `full`: there is more behind.

    fresh: blocks of which nothing is kept yet. closed: those that get no more.
    """

    events: list[Stored]
    blocks: Blocks
    fresh: frozenset[int]
    closed: frozenset[int]
    full: bool


def read_page(connection: Connection, name: str, now: datetime, most: int) -> Page:
    """What comes next for a receiver, about as it came in; in the order of commits within a block."""
    blocks, fresh = blocks_of(connection, name, now)
    found: list[list[Stored]] = []
    closed: set[int] = set()
    last = max(blocks, default=0)
    for number, block in blocks.items():
        ids = _EVERYTHING if connection.dialect.name == "sqlite" else ids_of(number)
        events = _following(connection, number, block.seq, ids[-1], most)
        if events:
            found.append(events)
        elif number != last and (block.seq >= ids[-1] or now - block.seen_at > CLOSED_AFTER):
            closed.add(number)  # the last one tells which are known
        if len(found) >= AT_ONCE:
            break
    events = merged(found, most)
    full = len(events) > most or len(found) >= AT_ONCE or any(len(e) == most for e in found)
    return Page(events[:most], blocks, fresh, frozenset(closed), full)


def merged(found: Sequence[Sequence[Stored]], most: int) -> list[Stored]:
    """Events of several writers as they came in. What may come after one that was not read waits."""
    bound = min((each[-1].order for each in found if len(each) == most), default=None)
    events = [one for each in found for one in each if bound is None or one.order <= bound]
    return sorted(events, key=lambda one: (one.order, one.block, one.id))


_JOB_SPACE = namespace.alias("job_space")
_DATASET_SPACE = namespace.alias("dataset_space")
_EVENTS: Final[Select[Any]] = (
    select(
        lineage_event.c.id,
        lineage_event.c.received_at,
        lineage_event.c.event_type,
        lineage_event.c.job_id,
        _JOB_SPACE.c.name,
        job.c.name,
        orchestrator.c.name,
        _DATASET_SPACE.c.name,
        lineage_event.c.payload,
    )
    .outerjoin(job, job.c.id == lineage_event.c.job_id)
    .outerjoin(_JOB_SPACE, _JOB_SPACE.c.id == job.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == lineage_event.c.orchestrator_id)
    .outerjoin(dataset, dataset.c.id == lineage_event.c.dataset_id)
    .outerjoin(_DATASET_SPACE, _DATASET_SPACE.c.id == dataset.c.namespace_id)
)


def _following(
    connection: Connection, block: int, after: int, last: int, most: int
) -> list[Stored]:
    number = lineage_event.c.id
    rows = connection.execute(
        _EVENTS.where(number > after, number <= last).order_by(number).limit(most)
    )
    found: list[Stored] = []
    order = 0
    for row in rows:
        order = max(order, round(row.received_at.timestamp() * 1e6))
        found.append(Stored(row.id, block, order, *row[1:]))
    return found


def tags_of(connection: Connection, jobs: Sequence[int]) -> dict[int, set[str]]:
    """The tags of each job: key, and key:value."""
    mine = job_tag.c
    found: dict[int, set[str]] = {}
    for row in among(connection, select(mine.job_id, mine.tag, mine.value), mine.job_id, jobs):
        found.setdefault(row.job_id, set()).update((row.tag, f"{row.tag}:{row.value}"))
    return found


def oldest_waiting(connection: Connection, name: str, now: datetime) -> datetime | None:
    """When the first came in of what a receiver does not have."""
    found = read_page(connection, name, now, 1).events
    return found[0].received_at if found else None


def know_digests(connection: Connection, keys: Sequence[bytes]) -> None:
    """What comes in with these digests is known already."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    put = dialect.insert(event_digest).on_conflict_do_nothing()
    if keys:
        connection.execute(put, [{"key": key} for key in sorted(set(keys))])


# -- what became of them ---------------------------------------------------------------------------


def receivers(connection: Connection) -> dict[str, Receiver]:
    columns = [receiver.c[name] for name in Receiver.__struct_fields__]
    return {row.name: Receiver(*row) for row in connection.execute(select(*columns))}


def note(connection: Connection, name: str, now: datetime, *, sent: int, left_out: int) -> None:
    """It got on: what was wrong is over."""
    told: dict[str, Any] = {"failures": 0, "next_at": None, "error": None}
    if sent:
        told["sent_at"] = now
    mine = receiver.c
    connection.execute(
        update(receiver)
        .where(mine.name == name)
        .values(sent=mine.sent + sent, left_out=mine.left_out + left_out, **told)
    )


def fail(connection: Connection, name: str, error: str, next_at: datetime, failures: int) -> None:
    values = {"error": error, "next_at": next_at, "failures": failures}
    connection.execute(update(receiver).where(receiver.c.name == name).values(**values))


def park(connection: Connection, name: str, one: Stored, reason: str, now: datetime) -> None:
    number = next_id(connection, "receiver_parked")
    values = {"event_id": one.id, "at": now, "reason": reason, "again": False}
    connection.execute(
        insert(receiver_parked).values(id=number, receiver=name, payload=one.payload, **values)
    )
    mine = receiver.c
    connection.execute(update(receiver).where(mine.name == name).values(parked=mine.parked + 1))


_PARKED = [receiver_parked.c[name] for name in Parked.__struct_fields__]


def list_parked(connection: Connection, name: str, limit: int, after: int = 0) -> list[Parked]:
    """The oldest first."""
    mine = receiver_parked.c
    rows = connection.execute(
        select(*_PARKED)
        .where(mine.receiver == name, mine.id > after)
        .order_by(mine.id)
        .limit(limit)
    )
    return [Parked(*row) for row in rows]


def count_parked(connection: Connection) -> dict[str, int]:
    mine = receiver_parked.c.receiver
    rows = connection.execute(select(mine, func.count()).group_by(mine))
    return {row[0]: row[1] for row in rows}


def wanted_again(connection: Connection, name: str, limit: int) -> list[tuple[int, bytes]]:
    """Ids and JSON of parked events that somebody wants to have sent once more."""
    mine = receiver_parked.c
    rows = connection.execute(
        select(mine.id, mine.payload)
        .where(mine.receiver == name, mine.again.is_(True))
        .order_by(mine.id)
        .limit(limit)
    )
    return [(row.id, unpack(row.payload)) for row in rows]


def want_again(connection: Connection, name: str, number: int | None) -> int:
    """One parked event, or all of a receiver; how many. Raises NotFound."""
    mine = receiver_parked.c
    which = (
        mine.receiver == name if number is None else (mine.receiver == name) & (mine.id == number)
    )
    count = connection.execute(update(receiver_parked).where(which).values(again=True)).rowcount
    if number is not None and not count:
        raise NotFound(f"Parked event {number} of {name} not found.")
    connection.execute(update(receiver).where(receiver.c.name == name).values(next_at=None))
    return count


def settle_again(connection: Connection, name: str, number: int, refused: str | None) -> None:
    """It was taken, or it was not once more."""
    mine = receiver_parked.c
    which = (mine.receiver == name) & (mine.id == number)
    if refused is None:
        connection.execute(delete(receiver_parked).where(which))
    else:
        connection.execute(update(receiver_parked).where(which).values(again=False, reason=refused))


def drop_parked(connection: Connection, name: str) -> int:
    """Forgets what a receiver did not take; how many there were."""
    return connection.execute(
        delete(receiver_parked).where(receiver_parked.c.receiver == name)
    ).rowcount


# -- retention -------------------------------------------------------------------------------------


def pass_over(
    connection: Connection, names: Sequence[str], horizon: datetime, now: datetime
) -> dict[str, int]:
    """Goes past what retention is about to delete; how many events each receiver never gets."""
    known = receivers(connection)
    found = {name: _pass_over(connection, name, horizon, now) for name in names if name in known}
    lost = {name: count for name, count in found.items() if count}
    mine = receiver.c
    for name, count in lost.items():
        more = mine.passed_over + count
        connection.execute(update(receiver).where(mine.name == name).values(passed_over=more))
    return lost


def _pass_over(connection: Connection, name: str, horizon: datetime, now: datetime) -> int:
    """Up to the first event of each block that stays."""
    lost, moved = 0, {}
    number, came = lineage_event.c.id, lineage_event.c.received_at
    for block, place in blocks_of(connection, name, now)[0].items():
        ids = _EVERYTHING if connection.dialect.name == "sqlite" else ids_of(block)
        mine = (number > place.seq) & (number <= ids[-1])
        kept = connection.scalar(select(func.min(number)).where(mine, came >= horizon))
        old = select(func.count(), func.max(number)).where(mine, came < horizon)
        if kept is not None:
            old = old.where(number < kept)
        count, last = connection.execute(old).one()
        if count:
            lost += count
            moved[block] = Block(last, place.seen_at)
    save_blocks(connection, name, moved, frozenset())
    return lost
