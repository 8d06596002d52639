"""When rules look next, and up to when an orchestrator's facts are all there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.reading import among, distinct
from hub.store.tables import expectation, orchestrator, poll, watermark

#: Whose facts nobody hands in late: what belongs to no orchestrator.
NOBODY = 0


class Looked(Struct, frozen=True, order=True):
    """A rule on a subject. `kind`: job or dataset."""

    rule: str
    kind: str
    subject: int


class Horizons(Struct, frozen=True):
    """Up to when each orchestrator may be judged (DESIGN D6)."""

    now: datetime
    known: Mapping[int, datetime | None]

    def watched(self, orchestrator_id: int) -> bool:
        """Whether what is missing up to its horizon is missing."""
        return self.known.get(orchestrator_id) is not None

    def ready(self, orchestrator_id: int) -> bool:
        """Not while its first read is under way."""
        return self.of(orchestrator_id) is not None

    def of(self, orchestrator_id: int) -> datetime | None:
        """None: not at all yet, for its first read is still under way."""
        return self.known.get(orchestrator_id, self.now)


def horizons(connection: Connection, now: datetime) -> Horizons:
    """The watermarks of those that have one; the others go by the clock."""
    rows = connection.execute(
        select(watermark.c.orchestrator_id, func.min(watermark.c.complete_to)).group_by(
            watermark.c.orchestrator_id
        )
    )
    marks = {key: min(at, now) for key, at in rows}
    polled = connection.scalars(
        select(orchestrator.c.id).join(poll, poll.c.orchestrator == orchestrator.c.name)
    )
    return Horizons(now, dict.fromkeys(polled) | marks)


def due(connection: Connection, held: Horizons, limit: int) -> list[Looked]:
    """What is due by its orchestrator's horizon; the cost is that of the answer."""
    found: list[Looked] = []
    for key in distinct(connection, expectation.c.orchestrator_id):
        at, room = held.of(key), limit - len(found)
        if at is None or room <= 0:
            continue
        mine = expectation.c
        statement = (
            select(mine.rule, mine.subject_kind, mine.subject_id)
            .where(mine.orchestrator_id == key, mine.due_at <= at)
            .order_by(mine.due_at)
            .limit(room)
        )
        found += [Looked(*row) for row in connection.execute(statement)]
    return found


def waits(
    connection: Connection, kind: str, subjects: Iterable[int]
) -> dict[tuple[str, int], datetime]:
    """When each rule wants to look at each subject, by (rule, subject)."""
    mine = _WAITS.where(expectation.c.subject_kind == kind)
    return {
        (r.rule, r.subject_id): r.due_at
        for r in among(connection, mine, expectation.c.subject_id, subjects)
    }


_WAITS = select(expectation.c.rule, expectation.c.subject_id, expectation.c.due_at)


class Expected(Struct, frozen=True):
    """When a rule looks again; None: when something happens."""

    looked: Looked
    orchestrator_id: int
    due_at: datetime | None


def save_expectations(connection: Connection, rows: Iterable[Expected]) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    put = dialect.insert(expectation)
    keep = put.on_conflict_do_update(
        index_elements=["rule", "subject_kind", "subject_id"],
        set_={"due_at": put.excluded.due_at, "orchestrator_id": put.excluded.orchestrator_id},
    )
    drop = expectation.delete()
    for row in rows:
        one = row.looked
        if row.due_at is None:
            connection.execute(
                drop.where(
                    expectation.c.rule == one.rule,
                    expectation.c.subject_kind == one.kind,
                    expectation.c.subject_id == one.subject,
                )
            )
            continue
        connection.execute(
            keep,
            {
                "rule": one.rule,
                "subject_kind": one.kind,
                "subject_id": one.subject,
                "orchestrator_id": row.orchestrator_id,
                "shard": 0,
                "due_at": row.due_at,
            },
        )
