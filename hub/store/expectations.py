"""When rules look next, and up to when an orchestrator's facts are all there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    bindparam,
    case,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.meta import get_meta, put_meta
from hub.store.reading import among, chunks, stepped
from hub.store.tables import (
    dataset,
    expectation,
    job,
    orchestrator,
    poll,
    watermark,
)
from hub.store.types import Timestamp, to_micros
from hub.store.upsert import upsert

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
    rows = connection.execute(_KNOWN)
    return Horizons(now, {key: at if at is None else min(at, now) for key, at in rows})


_KNOWN = (
    select(orchestrator.c.id, func.min(watermark.c.complete_to))
    .outerjoin(watermark, watermark.c.orchestrator_id == orchestrator.c.id)
    .outerjoin(poll, poll.c.orchestrator == orchestrator.c.name)
    .where(watermark.c.orchestrator_id.is_not(None) | poll.c.orchestrator.is_not(None))
    .group_by(orchestrator.c.id)
)


def due(connection: Connection, held: Horizons, limit: int) -> list[Looked]:
    """What is due by its orchestrator's horizon; the cost is that of the answer."""
    found: list[Looked] = []
    for key, first in connection.execute(_FIRST_DUE).all():
        at, room = held.of(key), limit - len(found)
        if at is None or room <= 0 or at < first:
            continue
        given = {"whose": key, "at": at, "room": room}
        found += [Looked(*row) for row in connection.execute(_DUE, given)]
    return found


def first_due(connection: Connection) -> dict[int, datetime]:
    """When a rule wants to look next, by the orchestrator whose horizon has to be there first."""
    return dict(tuple(row) for row in connection.execute(_FIRST_DUE))


_DUE = (
    select(expectation.c.rule, expectation.c.subject_kind, expectation.c.subject_id)
    .where(
        expectation.c.orchestrator_id == bindparam("whose"),
        expectation.c.due_at <= bindparam("at"),
    )
    .order_by(expectation.c.due_at)
    .limit(bindparam("room", type_=Integer))
)
_KEYS = stepped(expectation.c.orchestrator_id).subquery()
_FIRST_DUE = select(
    _KEYS.c.value,
    select(func.min(expectation.c.due_at))
    .where(expectation.c.orchestrator_id == _KEYS.c.value)
    .correlate(_KEYS)
    .scalar_subquery(),
)


class Wait(Struct, frozen=True):
    """What a rule waits for, as it said when it last looked."""

    due_at: datetime
    slot_at: datetime | None
    met_at: datetime | None
    held: bool


def waits(
    connection: Connection, kind: str, subjects: Iterable[int]
) -> dict[tuple[str, int], Wait]:
    """What each rule waits for of each subject, by (rule, subject)."""
    return {
        (r.rule, r.subject_id): Wait(r.due_at, r.slot_at, r.met_at, bool(r.held))
        for r in among(connection, _WAITS, expectation.c.subject_id, subjects, kind=kind)
    }


_WAITS = select(
    expectation.c.rule,
    expectation.c.subject_id,
    expectation.c.due_at,
    expectation.c.slot_at,
    expectation.c.met_at,
    expectation.c.held,
).where(expectation.c.subject_kind == bindparam("kind"))


class Deadline(Struct, frozen=True):
    """By when a rule sees its subject as it should be. slot_at: of the slot that it waits for."""

    rule: str
    subject_kind: str
    subject: int
    due_at: datetime
    slot_at: datetime | None


def deadlines(
    connection: Connection, rules: Sequence[str], kind: str, subjects: Iterable[int]
) -> list[Deadline]:
    """What these rules wait for of each subject."""
    given = {"rules": list(rules), "kind": kind}
    found = among(connection, _DEADLINES, expectation.c.subject_id, subjects, **given)
    return [Deadline(*row) for row in found]


_DEADLINES = select(
    expectation.c.rule,
    expectation.c.subject_kind,
    expectation.c.subject_id,
    expectation.c.due_at,
    expectation.c.slot_at,
).where(
    expectation.c.rule.in_(bindparam("rules", expanding=True)),
    expectation.c.subject_kind == bindparam("kind"),
    expectation.c.error.is_(None),
)


class Expected(Struct, frozen=True):
    """When a rule looks again; None: when something happens.

    slot_at, met_at, held: `awaits`, `met_at` and `held` of the judgement. error: why there is none.
    """

    looked: Looked
    orchestrator_id: int
    due_at: datetime | None
    slot_at: datetime | None = None
    met_at: datetime | None = None
    held: bool = False
    error: str | None = None


def save_expectations(connection: Connection, rows: Iterable[Expected]) -> None:
    kept: list[Expected] = []
    dropped: list[Expected] = []
    for row in rows:
        (dropped if row.due_at is None else kept).append(row)
    if dropped:
        mine = tuple_(expectation.c.rule, expectation.c.subject_kind, expectation.c.subject_id)
        keys = [(one.looked.rule, one.looked.kind, one.looked.subject) for one in dropped]
        for part in chunks(keys):
            connection.execute(expectation.delete().where(mine.in_(part)))
    upsert(connection, expectation, [_row(one) for one in kept])


def _row(one: Expected) -> dict[str, object]:
    return {
        "rule": one.looked.rule,
        "subject_kind": one.looked.kind,
        "subject_id": one.looked.subject,
        "orchestrator_id": one.orchestrator_id,
        "shard": 0,
        "due_at": one.due_at,
        "slot_at": one.slot_at,
        "met_at": one.met_at,
        "held": one.held,
        "error": one.error,
    }


#: One subject in so many microseconds is looked at for a rule that is new.
SOWN_EVERY_US: Final = 10_000


def sow(connection: Connection, rule: str, kind: str, now: datetime) -> None:
    """Lets the rule look at all there is, one after the other; where it waits longer, sooner."""
    subjects = {"job": job, "dataset": dataset}.get(kind)
    if subjects is None:
        return
    nth = func.row_number().over(order_by=subjects.c.id) - 1
    whose = func.coalesce(job.c.orchestrator_id, NOBODY) if subjects is job else literal(NOBODY)
    due_at = literal(to_micros(now), BigInteger) + nth * SOWN_EVERY_US
    mine = select(
        literal(rule),
        literal(kind),
        subjects.c.id,
        whose,
        literal(0),
        type_coerce(due_at, Timestamp),
    ).where(subjects.c.hidden.is_(False))
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    keys = ["rule", "subject_kind", "subject_id"]
    put = dialect.insert(expectation).from_select(
        [*keys, "orchestrator_id", "shard", "due_at"], mine
    )
    later = put.excluded.due_at < expectation.c.due_at
    sooner = case((later, put.excluded.due_at), else_=expectation.c.due_at)
    connection.execute(put.on_conflict_do_update(index_elements=keys, set_={"due_at": sooner}))


def kept_marks(connection: Connection) -> dict[str, str]:
    """Which rules have looked at all there was, as they were then."""
    held = get_meta(connection, _MARKS)
    return {} if held is None else msgspec.json.decode(held, type=dict[str, str])


def keep_marks(connection: Connection, marks: Mapping[str, str]) -> None:
    put_meta(connection, _MARKS, msgspec.json.encode(marks).decode())


_MARKS: Final = "rules"


def look_now(connection: Connection, looked: Looked, now: datetime) -> None:
    """The rule looks at the subject in the next round, if it would not be sooner."""
    mine = (
        expectation.c.rule == looked.rule,
        expectation.c.subject_kind == looked.kind,
        expectation.c.subject_id == looked.subject,
    )
    held = connection.scalar(select(expectation.c.due_at).where(*mine))
    if held is None:
        save_expectations(connection, [Expected(looked, NOBODY, now)])
    elif held > now:
        connection.execute(expectation.update().where(*mine).values(due_at=now))
