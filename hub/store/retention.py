"""What is too old to keep. The decisions are pure; hub.store.sweep finds the rows and deletes them.

Rows are looked at in the order of their keys, which is about the order in which they came: a
page on which nothing is old enough ends the search, however many rows lie behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, and_, exists, func, literal, or_, select

from hub.settings.sections import Retention
from hub.store import tables as t
from hub.store.partitions import Partition
from hub.store.types import EPOCH

Key = tuple[Any, ...]


class Policy(Struct, frozen=True):
    """How the rows of one table age.

    setting: of `retention`, in days. group: leading key columns within which keys grow with time.
    kept: rows that stay whatever their age. with_it: tables that lose their rows of the same run.
    """

    table: Table
    setting: str
    age: ColumnElement[Any]
    group: tuple[str, ...] = ()
    kept: ColumnElement[bool] | None = None
    with_it: tuple[Table, ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def key(self) -> list[Any]:
        return list(self.table.primary_key.columns)

    def horizon(self, keep: Retention, now: datetime) -> datetime:
        """What is older than this may go."""
        days: int = getattr(keep, self.setting)
        return now - timedelta(days=days)


class Candidate(Struct, frozen=True):
    """A row that might be too old."""

    key: Key
    at: datetime
    kept: bool = False


class Decision(Struct, frozen=True):
    """What of a page may go, and whether there is a point in looking at the next one."""

    expired: list[Key]
    finished: bool


def decide(page: Sequence[Candidate], horizon: datetime) -> Decision:
    old = [row for row in page if row.at < horizon]
    return Decision([row.key for row in old if not row.kept], finished=not old)


def floors(
    cursors: Iterable[tuple[str, int, int]], writers: Iterable[int]
) -> Mapping[int, int | None]:
    """Per writer, the last change that every reader has dealt with; None: nobody reads.

    A reader without a cursor for a writer has read nothing of it: one that wants to begin at the
    end says so with a cursor for each writer.
    """
    read: dict[str, dict[int, int]] = {}
    for reader, writer, seq in cursors:
        read.setdefault(reader, {})[writer] = seq
    return {
        writer: min((each.get(writer, 0) for each in read.values()), default=None)
        for writer in writers
    }


def droppable(
    weeks: Iterable[tuple[Partition, Mapping[int, int]]],
    horizon: datetime,
    read_to: Mapping[int, int | None],
) -> list[Partition]:
    """Weeks that are over; of changes (last seq per writer) only those that all have read."""
    return [
        week
        for week, last in weeks
        if week.until <= horizon and all(_is_read(read_to, *each) for each in last.items())
    ]


def _is_read(read_to: Mapping[int, int | None], writer: int, seq: int) -> bool:
    floor = read_to.get(writer)
    return floor is None or seq <= floor


def surplus(letters: Iterable[tuple[int, int]], held: int, bound: int) -> list[int]:
    """The oldest dead letters (id, bytes) that must go so that those `held` fit into `bound`."""
    gone = []
    for number, size in letters:
        if held <= bound:
            break
        gone.append(number)
        held -= size
    return gone


_newer_check = t.check_result.alias("newer")


#: In the order in which they are swept: what is large goes first.
def _with_its_launch(table: Table) -> Policy:
    """What a launch has left behind goes with it."""
    its = t.launch.c.id == table.c.launch_id
    changed = select(t.launch.c.updated_at).where(its).scalar_subquery()
    return Policy(
        table,
        "runs",
        func.coalesce(changed, literal(EPOCH, t.launch.c.updated_at.type)),
        kept=exists().where(its, t.launch.c.ended_at.is_(None)),
    )


POLICIES = (
    Policy(t.lineage_event, "lineage_events", t.lineage_event.c.received_at),
    Policy(t.event_count, "lineage_events", t.event_count.c.hour),
    Policy(t.team_event_count, "lineage_events", t.team_event_count.c.hour, group=("team",)),
    Policy(t.change, "changes", t.change.c.at, group=("writer_id",)),
    Policy(
        t.run,
        "runs",
        func.coalesce(t.run.c.ended_at, t.run.c.updated_at),
        kept=exists().where(t.job.c.id == t.run.c.job_id, t.job.c.latest_run_id == t.run.c.id),
        with_it=(t.attempt, t.run_dataset, t.run_dependency),
    ),
    Policy(
        t.dataset_update,
        "runs",
        t.dataset_update.c.at,
        kept=exists().where(
            t.dataset.c.id == t.dataset_update.c.dataset_id,
            t.dataset.c.last_update_at <= t.dataset_update.c.at,
        ),
    ),
    Policy(
        t.check_result,
        "runs",
        t.check_result.c.at,
        kept=~exists(
            select(1)
            .select_from(_newer_check)
            .where(
                and_(
                    *(
                        _newer_check.c[name] == t.check_result.c[name]
                        for name in ("dataset_id", "name", "column_name")
                    ),
                    _newer_check.c.at > t.check_result.c.at,
                )
            )
        ),
    ),
    Policy(
        t.backlog_sample,
        "samples",
        t.backlog_sample.c.at,
        group=("orchestrator_id", "pool"),
    ),
    # In the order of their keys they come as if shuffled: a page without an old one says as much.
    Policy(t.backfill_told, "runs", t.backfill_told.c.at, group=("orchestrator_id",)),
    Policy(
        t.incident_transition,
        "incidents",
        t.incident_transition.c.at,
        kept=exists().where(
            t.incident.c.id == t.incident_transition.c.incident_id,
            t.incident.c.resolved_at.is_(None),
        ),
    ),
    Policy(
        t.incident,
        "incidents",
        func.coalesce(t.incident.c.resolved_at, t.incident.c.updated_at),
        kept=t.incident.c.resolved_at.is_(None),
    ),
    Policy(
        t.recurrence,
        "incidents",
        # It goes with the last incident of its rule on its subject.
        literal(EPOCH, t.incident.c.updated_at.type),
        kept=exists().where(
            t.incident.c.rule == t.recurrence.c.rule,
            t.incident.c.subject_kind == t.recurrence.c.subject_kind,
            t.incident.c.subject_id == t.recurrence.c.subject_id,
        ),
    ),
    Policy(
        t.membership,
        "incidents",
        # What its notification has left behind goes with it.
        func.coalesce(
            select(t.notification.c.begun_at)
            .where(t.notification.c.id == t.membership.c.notification_id)
            .scalar_subquery(),
            literal(EPOCH, t.notification.c.begun_at.type),
        ),
        kept=exists().where(
            t.notification.c.id == t.membership.c.notification_id,
            t.notification.c.state != "OVER",
        ),
    ),
    Policy(
        t.notification,
        "incidents",
        func.coalesce(t.notification.c.said_at, t.notification.c.begun_at),
        kept=t.notification.c.state != "OVER",
    ),
    Policy(
        t.delivery,
        "incidents",
        t.delivery.c.updated_at,
        kept=or_(
            t.delivery.c.next_at.is_not(None),
            exists().where(
                t.notification.c.id == t.delivery.c.notification_id,
                t.notification.c.state != "OVER",
            ),
        ),
    ),
    Policy(t.decision, "incidents", t.decision.c.at),
    *(_with_its_launch(one) for one in (t.launch_step, t.launch_effect)),
    Policy(t.launch, "runs", t.launch.c.updated_at, kept=t.launch.c.ended_at.is_(None)),
    Policy(
        t.backfill_step,
        "runs",
        # What its backfill has left behind goes with it.
        func.coalesce(
            select(t.backfill.c.updated_at)
            .where(t.backfill.c.id == t.backfill_step.c.backfill_id)
            .scalar_subquery(),
            literal(EPOCH, t.backfill.c.updated_at.type),
        ),
        kept=exists().where(t.backfill.c.id == t.backfill_step.c.backfill_id, t.backfill.c.active),
    ),
    Policy(t.backfill, "runs", t.backfill.c.updated_at, kept=t.backfill.c.active),
    Policy(
        t.arrival,
        "runs",
        t.arrival.c.seen_at,
        group=("subscription_id",),
        kept=t.arrival.c.waits_since.is_not(None),
    ),
    Policy(
        t.waiting,
        "runs",
        t.waiting.c.changed_at,
        group=("subscription_id",),
        kept=t.waiting.c.first_at.is_not(None),
    ),
    Policy(t.silence, "incidents", t.silence.c.ends_at),
    Policy(t.dead_letter, "dead_letters", t.dead_letter.c.received_at),
    Policy(t.audit, "audit", t.audit.c.at),
)
