"""Launches: asked for, leased by whoever asks the orchestrator, and what it answered."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, case, func, literal, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hub.errors import BadInput
from hub.model import EntityName
from hub.ports import SEVERAL, Launched, LaunchKind, LeasedLaunch, NewLaunch
from hub.store.access import next_ids
from hub.store.launch_spans import plan_effects
from hub.store.launch_steps import note, note_first
from hub.store.launch_stops import brakes
from hub.store.launch_targets import (
    Target,
    begun_within,
    free_all_targets,
    free_targets,
    lock_targets,
    take_target,
)
from hub.store.reading import among
from hub.store.tables import job, launch, namespace
from hub.store.types import storable

#: Launches among which those to ask for are chosen.
CHOICE: Final = 500
#: Launches among which one is fetched.
FETCHED: Final = 10
#: The breaker looks back so far.
HOUR: Final = timedelta(hours=1)
#: When what waits for another launch of its target is looked at again.
NEXT_LOOK: Final = timedelta(minutes=1)
_KEY: Final = re.compile(r"[a-z0-9-]{1,64}")
_MINE = launch.c


#: What a lease has counted is taken back.
_NOT_ASKED: Final = {
    "tries": _MINE.tries - 1,
    "begun_at": case((_MINE.tries <= 1, null()), else_=_MINE.begun_at),
}


class State(StrEnum):
    """How far a launch has come."""

    HELD = "held"
    DUE = "due"
    LAUNCHING = "launching"  # of one that is held or due: somebody asks for it just now
    LAUNCHED = "launched"  # the orchestrator has taken it
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    VANISHED = "vanished"  # it was taken, and no run was ever seen
    REFUSED = "refused"
    DEAD = "dead"
    CANCELLED = "cancelled"


#: Not yet taken by an orchestrator, and still meant to be.
OPEN: Final = (State.HELD, State.DUE)


class Limits(Struct, frozen=True):
    """What the lease of a launch depends on.

    per_hour: launches of one target within an hour, beyond which they are held; 0 is no limit.
    serial: the orchestrators whose targets are asked for one launch at a time.
    """

    per_hour: int = 0
    serial: frozenset[str] = frozenset()


# -- asked for ---------------------------------------------------------------------------------


def ask(connection: Connection, launches: Sequence[NewLaunch], now: datetime) -> list[int]:
    """The ids of the launches in their order; one whose key is known is the one that is there.

    Raises BadInput for a key or a conf that can't be kept.
    """
    for one in launches:
        _check(one)
    wanted = {one.key: one for one in launches}
    known = _ids(connection, wanted)
    fresh = [one for key, one in wanted.items() if key not in known]
    if fresh:
        _add(connection, fresh, now)
        known = _ids(connection, wanted)
    return [known[one.key] for one in launches]


def _check(one: NewLaunch) -> None:
    if not _KEY.fullmatch(one.key):
        raise BadInput("key", one.key, "1 to 64 of a-z, 0-9 and -")
    for text in (one.orchestrator, one.job.namespace, one.job.name, one.partition, one.note):
        try:
            storable(text or "")
        except ValueError as error:
            raise BadInput("launch", text, str(error)) from None
    try:
        _text(one.conf)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadInput("conf", one.conf, f"what JSON can hold ({error})") from None


def _ids(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    found = among(connection, select(_MINE.key, _MINE.id), _MINE.key, sorted(keys))
    return {row.key: row.id for row in found}


def _add(connection: Connection, fresh: Sequence[NewLaunch], now: datetime) -> None:
    numbers = next_ids(connection, "launch", len(fresh))
    rows = [_row(one, number, now) for one, number in zip(fresh, numbers, strict=True)]
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    put = dialect.insert(launch).on_conflict_do_nothing(index_elements=["key"])
    connection.execute(put, rows)
    added = _ids(connection, [one.key for one in fresh])
    # Of the others somebody else has asked meanwhile.
    mine = [
        (row["id"], "asked", one.held or one.note)
        for one, row in zip(fresh, rows, strict=True)
        if added[one.key] == row["id"]
    ]
    note_first(connection, mine, now)
    numbered = [(row["id"], one) for one, row in zip(fresh, rows, strict=True) if one.spans]
    plan_effects(
        connection,
        [(number, one.job, one.spans) for number, one in numbered if added[one.key] == number],
    )


def _row(one: NewLaunch, number: int, now: datetime) -> dict[str, Any]:
    due = max(now, one.not_before or now)
    return {
        "id": number,
        "key": one.key,
        "orchestrator": one.orchestrator,
        "job_namespace": one.job.namespace,
        "job_name": one.job.name,
        "kind": one.kind,
        "partition_key": one.partition,
        "conf": _text(one.conf),
        "note": one.note,
        "subscription_id": one.subscription_id,
        "team": one.team,
        "asked_by": one.asked_by,
        "cause": _text(one.cause),
        "rerun": None if one.rerun is None else _text(one.rerun),
        "rerun_of": one.rerun_of,
        "failed_run_id": one.failed_run,
        "rerun_no": one.rerun_no,
        "state": State.DUE if one.held is None else State.HELD,
        "reason": one.held,
        "released": False,
        # One that is held is looked at again only when it has become too late for it.
        "next_at": due if one.held is None else one.give_up_at,
        "give_up_at": one.give_up_at,
        "attempts": 0,
        "tries": 0,
        "at_once": one.at_once if one.spans else None,
        "created_at": now,
        "updated_at": now,
    }


# -- leases ------------------------------------------------------------------------------------


def _due(now: datetime) -> Any:
    free = or_(_MINE.leased_until.is_(None), _MINE.leased_until <= now)
    return and_(_MINE.next_at <= now, free)


def _late(now: datetime) -> Any:
    return _MINE.give_up_at <= now


def any_due(
    connection: Connection, now: datetime, room: Mapping[str, int], serial: Collection[str] = ()
) -> list[int]:
    """Those that are due, of each orchestrator at most so many, the longest due first; and those
    for which it is too late, whosever they are.
    """
    names = [name for name, most in room.items() if most > 0]
    pushed = and_(_MINE.orchestrator.in_(names), _MINE.kind != LaunchKind.PULL)
    statement = (
        select(_MINE.id, _MINE.orchestrator, _MINE.job_namespace, _MINE.job_name, _late(now))
        .where(_due(now), or_(pushed, _late(now)))
        .order_by(_MINE.next_at, _MINE.id)
        .limit(CHOICE)
    )
    left, found, begun = dict(room), [], set[tuple[str, str, str]]()
    for key, name, space, title, late in connection.execute(statement):
        one_at_a_time = name in serial and (name, space, title) in begun
        if late or (left.get(name, 0) > 0 and not one_at_a_time):
            left[name] = left.get(name, 0) - (not late)
            begun.add((name, space, title))
            found.append(key)
    return found


def next_of(
    connection: Connection,
    orchestrator: str,
    now: datetime,
    *,
    every: bool,
    jobs: Collection[str] = (),
) -> list[int]:
    """What an orchestrator may fetch now, the longest due first: all of its own, or only those that
    are to be fetched; of all jobs, or only of those with these names.
    """
    mine = select(_MINE.id).where(_due(now), _MINE.orchestrator == orchestrator)
    if not every:
        mine = mine.where(_MINE.kind == LaunchKind.PULL)
    if jobs:
        mine = mine.where(_MINE.job_name.in_(jobs))
    return list(connection.scalars(mine.order_by(_MINE.next_at, _MINE.id).limit(FETCHED)))


def lease(
    connection: Connection, keys: Collection[int], now: datetime, hold_s: float, limits: Limits
) -> list[LeasedLaunch]:
    """Takes those of them that are still free and may go out; nobody else asks for them meanwhile.

    What may not is held, given up, or left for later.
    """
    chosen = select(_MINE.orchestrator, _MINE.job_namespace, _MINE.job_name)
    targets = {Target(*row) for row in among(connection, chosen, _MINE.id, keys)}
    lock_targets(connection, targets)
    free = select(launch).where(_MINE.id.in_(keys), _due(now)).with_for_update(skip_locked=True)
    rows = connection.execute(free.order_by(_MINE.next_at, _MINE.id)).all()
    stopped = brakes(connection)
    begun = begun_within(connection, targets if limits.per_hour else (), now - HOUR)
    token, until = secrets.token_hex(8), now + timedelta(seconds=hold_s)
    taken = []
    for row in rows:
        target = Target(row.orchestrator, row.job_namespace, row.job_name)
        if row.give_up_at is not None and row.give_up_at <= now:
            _end(connection, row.id, State.DEAD, _too_late(row), now)
        elif stopped.of(row.orchestrator):
            continue
        elif _breaks(row, begun[target], limits):
            _hold(connection, row, _broken(begun[target]), now)
        elif row.orchestrator not in limits.serial or take_target(
            connection, target, token, now, until
        ):
            begun[target] += row.begun_at is None
            taken.append(row)
    _mark(connection, [row.id for row in taken], token, until, now)
    return [_leased(row, token, until, now) for row in taken]


def _too_late(row: Row[Any]) -> str:
    why = f" ({row.reason})" if row.reason else ""
    return f"it was not launched by {row.give_up_at:%Y-%m-%d %H:%M} UTC{why}"


def _breaks(row: Row[Any], begun: int, limits: Limits) -> bool:
    """A breaker holds what would begin now; what has begun is brought to its end."""
    if not limits.per_hour or row.released or row.begun_at is not None:
        return False
    return begun >= limits.per_hour


def _broken(begun: int) -> str:
    return (
        f"the breaker holds it: {begun} launches of this job began within an hour "
        "(launches_per_hour); release it if that is right"
    )


def _hold(connection: Connection, row: Row[Any], reason: str, now: datetime) -> None:
    told = {"state": State.HELD, "reason": reason, "next_at": row.give_up_at, "updated_at": now}
    connection.execute(update(launch).where(_MINE.id == row.id).values(**told))
    note(connection, row.id, "held", reason, now)


def _mark(
    connection: Connection, keys: Sequence[int], token: str, until: datetime, now: datetime
) -> None:
    begun = func.coalesce(_MINE.begun_at, _moment(now))
    connection.execute(
        update(launch)
        .where(_MINE.id.in_(keys))
        .values(
            lease=token,
            leased_until=until,
            attempts=_MINE.attempts + 1,
            tries=_MINE.tries + 1,
            begun_at=begun,
        )
    )


def _leased(row: Row[Any], token: str, until: datetime, now: datetime) -> LeasedLaunch:
    return LeasedLaunch(
        id=row.id,
        token=token,
        key=row.key,
        orchestrator=row.orchestrator,
        job=EntityName(row.job_namespace, row.job_name),
        partition=row.partition_key,
        conf=msgspec.json.decode(row.conf),
        note=row.note,
        kind=LaunchKind(row.kind),
        team=row.team,
        cause=msgspec.json.decode(row.cause),
        asked_before=row.tries > 0,
        attempts=row.attempts + 1,
        begun_at=row.begun_at or now,
        failing_since=row.failing_since,
        until=until,
        at_once=row.at_once or 1,
    )


def give_back(connection: Connection, token: str, keys: Collection[int], now: datetime) -> None:
    """Of those that nobody was asked for after all the lease ends, as if it had never been."""
    free_targets(connection, token, keys)
    mine = and_(_MINE.id.in_(keys), _MINE.lease == token)
    told = {"lease": None, "leased_until": None, "attempts": _MINE.attempts - 1, "updated_at": now}
    connection.execute(update(launch).where(mine).values(**told, **_NOT_ASKED))


def find_leased(connection: Connection, key: int) -> LeasedLaunch | None:
    """A launch that somebody has leased at some time, as it is now."""
    row = connection.execute(select(launch).where(_MINE.id == key, _MINE.tries > 0)).first()
    if row is None:
        return None
    at = row.leased_until or row.updated_at
    return _leased(row, row.lease or "", at, row.begun_at or at)


def release_all(connection: Connection, fetching: Collection[str] = ()) -> None:
    """Where only one process launches, whoever held a lease before it started is gone.

    fetching: the orchestrators that fetch their launches; they are processes of their own.
    """
    fetched = or_(_MINE.kind == LaunchKind.PULL, _MINE.orchestrator.in_(fetching))
    held = and_(_MINE.lease.is_not(None), ~fetched)
    connection.execute(update(launch).where(held).values(lease=None, leased_until=None))
    free_all_targets(connection)


def any_unknown(connection: Connection, known: Collection[str], now: datetime) -> bool:
    """Whether something is due for an orchestrator that is not among these."""
    lost = select(_MINE.id).where(_due(now), _MINE.orchestrator.not_in(known)).limit(1)
    return connection.scalar(lost) is not None


def hold_unknown(connection: Connection, known: Collection[str], now: datetime) -> int:
    """What is due for orchestrators that are not among these is held until they are declared."""
    lost = and_(_due(now), _MINE.orchestrator.not_in(known))
    keys = connection.scalars(select(_MINE.id).where(lost).limit(CHOICE)).all()
    reason = "its orchestrator is not declared"
    told = {"state": State.HELD, "reason": reason, "next_at": now + NEXT_LOOK, "updated_at": now}
    connection.execute(update(launch).where(_MINE.id.in_(keys)).values(**told))
    return len(keys)


def owner_of(connection: Connection, name: EntityName) -> str | None:
    """The team that owns a job, if one does."""
    mine = (namespace.c.name == name.namespace, job.c.name == name.name)
    joined = select(job.c.team).join(namespace, namespace.c.id == job.c.namespace_id)
    team: str | None = connection.scalar(joined.where(*mine))
    return team


# -- what became of it -------------------------------------------------------------------------


def launched(connection: Connection, key: int, token: str, found: Launched, now: datetime) -> bool:
    """Keeps that the orchestrator has taken it; False if that was known.

    Also where the lease has passed on: what has this key is this launch, whoever asked for it.
    """
    look_at = _moment(now) if found.followed else null()
    told = {
        "state": State.LAUNCHED if found.followed else State.COMPLETED,
        "reason": None,
        "natural_id": found.natural_id,
        "url": found.url,
        "launched_at": now,
        "ended_at": None if found.followed else now,
        "look_at": case((_MINE.kind.in_(SEVERAL), _moment(now)), else_=look_at),
        "next_at": None,
        "attempts": 0,
        "failing_since": None,
        "lease": None,
        "leased_until": None,
        "updated_at": now,
    }
    fresh = and_(_MINE.id == key, _MINE.natural_id.is_(None))
    done = bool(connection.execute(update(launch).where(fresh).values(**told)).rowcount)
    free_targets(connection, token, [key])
    if done:
        again = ", which was there before" if found.again else ""
        note(connection, key, "launched", f"as {found.natural_id}{again}", now)
    return done


def failed(
    connection: Connection,
    key: int,
    token: str,
    reason: str,
    again_at: datetime | None,
    now: datetime,
    *,
    held: bool = False,
) -> bool:
    """Keeps that it was not taken, unless the lease has passed on; without `again_at` it is dead.

    held: nothing failed; the job can't be started until somebody changes something.
    """
    if again_at is None:
        state, what = State.DEAD, "dead"
    else:
        state, what = (State.HELD, "held") if held else (State.DUE, "failed")
    told = {
        "state": state,
        "reason": reason,
        "next_at": again_at,
        "failing_since": func.coalesce(_MINE.failing_since, _moment(now)),
        "ended_at": now if again_at is None else None,
    }
    return _settle(connection, key, token, told, what, reason, now)


def refused(connection: Connection, key: int, token: str, reason: str, now: datetime) -> bool:
    """Keeps that it may not be launched, unless the lease has passed on. Nobody was asked."""
    told = {
        "state": State.REFUSED,
        "reason": reason,
        "next_at": None,
        "ended_at": now,
        **_NOT_ASKED,
    }
    return _settle(connection, key, token, told, "refused", reason, now)


def _settle(
    connection: Connection,
    key: int,
    token: str,
    told: Mapping[str, Any],
    what: str,
    reason: str,
    now: datetime,
) -> bool:
    free_targets(connection, token, [key])
    mine = and_(_MINE.id == key, _MINE.lease == token)
    over = {"lease": None, "leased_until": None, "updated_at": now}
    kept = bool(connection.execute(update(launch).where(mine).values(**told, **over)).rowcount)
    if kept:
        note(connection, key, what, reason, now)
    return kept


def _end(connection: Connection, key: int, state: State, reason: str, now: datetime) -> None:
    told = {"state": state, "reason": reason, "next_at": None, "ended_at": now, "updated_at": now}
    connection.execute(update(launch).where(_MINE.id == key).values(**told))
    note(connection, key, state, reason, now)


def _moment(now: datetime) -> Any:
    return literal(now, type_=_MINE.next_at.type)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
