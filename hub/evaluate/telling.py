"""What telling people reads and keeps, in transactions of its own: the Protocols of hub.ports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from hub.evaluate.maintenance import Maintenance, of_store
from hub.evaluate.outcome import release_children
from hub.incidents import step
from hub.model import Transition
from hub.ports import (
    Case,
    Cases,
    Decision,
    Due,
    Failure,
    Fence,
    Health,
    JobChanges,
    Json,
    Leased,
    Member,
    Notification,
    Period,
    Posted,
    Said,
    Sorted,
    Told,
)
from hub.rules.base import Status, Verdict
from hub.store import (
    cases,
    decisions,
    deliveries,
    digests,
    holds,
    job_changes,
    notifications,
    targets,
)
from hub.store.db import Connection, Database
from hub.store.incident_steps import Place, find_incident, move_incident, open_incident
from hub.store.leases import no_fence
from hub.store.maintenance import list_windows
from hub.store.writer import Writer

T = TypeVar("T")

#: The rule whose incidents say that a target takes no deliveries.
RULE: Final = "target-down"
KIND: Final = "target_down"


class Transactions:
    """On SQLite everybody writes through the one writer; on PostgreSQL beside it."""

    def __init__(self, db: Database, writer: Writer[Any, Any]) -> None:
        self._db = db
        self._writer = writer

    def read(self, function: Callable[[Connection], T]) -> T:
        with self._db.reading() as connection:
            return function(connection)

    def write(self, function: Callable[[Connection], T], fence: Fence = no_fence) -> T:
        def fenced(connection: Connection) -> T:
            fence(connection)
            return function(connection)

        if self._db.is_sqlite:
            return self._writer.call(fenced, apart=True)
        with self._db.writing() as connection:
            return fenced(connection)

    @property
    def is_alone(self) -> bool:
        """Whether no other process can be at this store."""
        return self._db.is_sqlite


class Telling:
    """For the tell loop."""

    def __init__(
        self,
        doing: Transactions,
        crowd_within: timedelta,
        windows: Sequence[Maintenance] = (),
        gives_logs: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """windows: of maintenance, those of trackside.yaml. gives_logs: whether an orchestrator
        hands out the logs of its runs.
        """
        self._doing = doing
        self._gives_logs = gives_logs
        self._windows = windows
        self._crowd_within = crowd_within

    def begin(self, now: datetime, fence: Fence) -> None:
        self._doing.write(lambda it: cases.begin(it, now), fence)

    def cases(self, now: datetime, limit: int) -> Cases:
        def read(connection: Connection) -> Cases:
            found = cases.read_cases(connection, now, limit, self._crowd_within)
            if all(one.window is None for one in found.cases):
                return found
            ends = self._windows_on(connection, now)
            return replace(found, cases=[_within(one, ends, now) for one in found.cases])

        return self._doing.read(read)

    def _windows_on(self, connection: Connection, now: datetime) -> Mapping[str, datetime | None]:
        """When each window of maintenance changes next that holds now, by its name."""
        given = [*self._windows, *of_store(list_windows(connection, now))]
        return {one.given.name: one.next_edge(now) for one in given if one.covers(now)}

    def keep_sorted(self, found: Sorted, now: datetime, fence: Fence) -> None:
        self._doing.write(lambda it: notifications.keep_sorted(it, found, now), fence)

    def due(self, now: datetime, limit: int) -> Sequence[Notification]:
        found = self._doing.read(lambda it: notifications.due(it, now, limit))
        return [
            replace(one, members=[self._with_log(each) for each in one.members]) for one in found
        ]

    def _with_log(self, one: Member) -> Member:
        run = one.run
        if run is None or run.orchestrator is None or not self._gives_logs(run.orchestrator):
            return one
        return replace(one, run=replace(run, has_log=True))

    def keep_said(self, said: Sequence[Said], now: datetime, fence: Fence) -> None:
        def keep(connection: Connection) -> None:
            notifications.keep_said(connection, said, now)
            hold = holds.find_hold(connection)
            if hold is not None:
                deliveries.note_held(connection, hold, now, [one.id for one in said])

        self._doing.write(keep, fence)


class Digesting:
    """For digests, which the tell loop sends."""

    def __init__(self, doing: Transactions) -> None:
        self._doing = doing

    def settle(self, wanted: Mapping[str, Due], fence: Fence) -> None:
        self._doing.write(lambda it: digests.settle(it, wanted), fence)

    def due(self, now: datetime) -> Sequence[Due]:
        return self._doing.read(lambda it: digests.due(it, now))

    def period(self, since: datetime, until: datetime) -> Period:
        return self._doing.read(lambda it: digests.period(it, since, until))

    def post(self, one: Posted, now: datetime, fence: Fence) -> None:
        def keep(connection: Connection) -> None:
            number = digests.post(connection, one, now)
            hold = holds.find_hold(connection)
            if hold is not None and number is not None:
                deliveries.note_held(connection, hold, now, [number])

        self._doing.write(keep, fence)


class TellingChanges:
    """Of jobs, for the tell loop."""

    def __init__(self, doing: Transactions) -> None:
        self._doing = doing

    def settle(self, fence: Fence, *, wanted: bool) -> None:
        self._doing.write(lambda it: job_changes.settle(it, wanted=wanted), fence)

    def read(self, limit: int) -> JobChanges:
        return self._doing.read(lambda it: job_changes.read(it, limit))

    def keep(self, found: JobChanges, told: Sequence[Told], now: datetime, fence: Fence) -> None:
        def keep(connection: Connection) -> None:
            made = job_changes.keep(connection, found, told, now)
            hold = holds.find_hold(connection)
            if hold is not None and made:
                deliveries.note_held(connection, hold, now, made)

        self._doing.write(keep, fence)


#: A window may be ended early: what happened in it is looked at again by then.
LOOKED_AT_AGAIN: Final = timedelta(minutes=5)


def _within(one: Case, ends: Mapping[str, datetime | None], now: datetime) -> Case:
    """Within a window that is over it is like any other."""
    if one.window is None or one.window not in ends:
        return replace(one, window=None)
    again = now + LOOKED_AT_AGAIN
    return replace(one, window_until=min(ends[one.window] or again, again))


class Delivering:
    """For the deliver loop."""

    def __init__(self, doing: Transactions) -> None:
        self._doing = doing

    def health(self) -> Mapping[str, Health]:
        return self._doing.read(targets.health)

    def lease(self, now: datetime, room: Mapping[str, int], hold_s: float) -> Sequence[Leased]:
        def free(connection: Connection) -> Sequence[int]:
            if holds.held(connection):
                return ()
            return deliveries.any_due(connection, now, room)

        keys = self._doing.read(free)
        if not keys:
            return ()
        return self._doing.write(lambda it: deliveries.lease(it, keys, now, hold_s))

    def delivered(
        self, one: Leased, held: Json, health: Health, now: datetime, again_at: datetime | None
    ) -> bool:
        told = Decision(
            notification=one.notification,
            target=one.target,
            what="delivered",
            reason=f"{one.delivery.standing.lower()}, version {one.delivery.version}",
        )

        def keep(connection: Connection) -> bool:
            kept = deliveries.delivered(connection, one, held, now, again_at)
            if not one.again or one.attempts > 1:  # a reminder is worth a word if one had failed
                decisions.note(connection, [told], now)
            _keep_health(connection, health, now)
            return kept

        return self._doing.write(keep)

    def failed(self, one: Leased, failure: Failure, health: Health, now: datetime) -> bool:
        again = failure.again_at
        told = Decision(
            notification=one.notification,
            target=one.target,
            what="dead" if again is None else "retry",
            reason=failure.error if again is None else f"{failure.error}; again from {again:%H:%M}",
        )

        def keep(connection: Connection) -> bool:
            kept = deliveries.failed(connection, one, failure, now)
            decisions.note(connection, [told], now)
            _keep_health(connection, health, now)
            return kept

        return self._doing.write(keep)

    def begin(
        self, known: Collection[str], forgetful: Collection[str], now: datetime, *, first: bool
    ) -> None:
        def clear(connection: Connection) -> None:
            if first and self._doing.is_alone:
                deliveries.end_leases(connection, now)
            deliveries.give_up_unknown(connection, known, now)
            deliveries.remind(connection, forgetful, now)
            hold = holds.find_hold(connection)
            if hold is not None:
                deliveries.note_held(connection, hold, now)

        self._doing.write(clear)

    def tested(self, health: Health, now: datetime) -> None:
        self._doing.write(lambda it: _keep_health(it, health, now))


# -- a target that is down ---------------------------------------------------------------------


def _keep_health(connection: Connection, health: Health, now: datetime) -> None:
    """Keeps how the target does, and the incident that says so; what was given up or put off
    while it was down is sent when it is not.
    """
    if not health.failures and targets.is_ill(connection, health.name):
        deliveries.revive(connection, health.name, now)
        if targets.is_down(connection, health.name):
            deliveries.hasten(connection, health.name, now)
    number = targets.save_health(connection, health)
    place = Place(RULE, KIND, "target", number, None, "error", dry_run=False)
    held = find_incident(connection, place, "")
    made = step(None if held is None else held.incident, verdict_on(health), now)
    if made is None:
        return
    if held is None:
        open_incident(connection, place, made, None, now)
        return
    move_incident(connection, held.id, made, now)
    if made.transition is Transition.RESOLVED:
        release_children(connection, held.id, made.incident.parent, now)


def verdict_on(health: Health) -> Verdict:
    """Whether the target is down."""
    if health.down_since is None:
        return Verdict(Status.OK, "", f"target {health.name} takes deliveries again")
    reason = f"target {health.name} takes no deliveries: {health.error}"
    evidence = {"target": health.name, "error": health.error}
    return Verdict(Status.VIOLATED, "", reason, evidence, health.down_since)
