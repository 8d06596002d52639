"""Deliveries: what each target should show, and what it was made to show."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Connection,
    Row,
    and_,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from hub.ports import Decision, Delivery, Failure, Json, Leased, Message, Standing
from hub.store import decisions
from hub.store.access import next_ids
from hub.store.holds import Hold
from hub.store.tables import delivery

#: Deliveries among which those to send are chosen.
CHOICE: Final = 500
#: How often a delivery that was given up is sent again by itself, and how long after.
REVIVALS: Final = 3
_NOT_DECLARED: Final = "the target is not declared"
REVIVED_WITHIN: Final = timedelta(days=7)
#: So long after the death of its sender a request may still reach a target, and be done there.
ARRIVES_WITHIN: Final = timedelta(seconds=5)
_MINE = delivery.c


# -- what is wanted ----------------------------------------------------------------------------


def want(
    connection: Connection,
    notification: int,
    wanted: Delivery,
    targets: Sequence[str],
    now: datetime,
) -> None:
    """Each target should show this from now on; without targets, those that were told something.

    What is over before anything of it was sent is not begun.
    """
    its = _MINE.notification_id == notification
    if wanted.standing is Standing.RESOLVED:
        connection.execute(delete(delivery).where(its, _untouched()))
    other = or_(
        literal(wanted.loud),
        _MINE.standing != wanted.standing,
        _MINE.message != _text(wanted.message),
    )
    connection.execute(update(delivery).where(its, other).values(**_wanted(wanted, now)))
    there = set(connection.scalars(select(_MINE.target).where(its)))
    _add(connection, notification, wanted, [name for name in targets if name not in there], now)


def _untouched() -> Any:
    """Nothing of it can have reached the target."""
    return and_(_MINE.tries == 0, _MINE.delivered_version == 0)


def _wanted(wanted: Delivery, now: datetime) -> dict[str, Any]:
    # What was to be said loudly and was not yet sent is not lost in what follows it.
    unsent = and_(_MINE.loud, _MINE.delivered_version < _MINE.version)
    loud = (
        wanted.loud if wanted.standing is Standing.RESOLVED else or_(literal(wanted.loud), unsent)
    )
    # One that waits after a failure goes on waiting, unless it had been given up.
    waits = and_(_MINE.attempts > 0, _MINE.dead == false(), _MINE.next_at.is_not(None))
    return {
        "standing": wanted.standing,
        "version": case((_MINE.version >= wanted.version, _MINE.version + 1), else_=wanted.version),
        "message": _text(wanted.message),
        "loud": loud,
        "next_at": case((waits, _MINE.next_at), else_=_moment(now)),
        "attempts": case((_MINE.dead, 0), else_=_MINE.attempts),
        "failing_since": case((_MINE.dead, None), else_=_MINE.failing_since),
        "dead": False,
        "revivals": 0,
        "updated_at": now,
    }


def _moment(now: datetime) -> Any:
    return literal(now, type_=_MINE.next_at.type)


def _add(
    connection: Connection,
    notification: int,
    wanted: Delivery,
    targets: Sequence[str],
    now: datetime,
) -> None:
    if not targets:
        return
    numbers = next_ids(connection, "delivery", len(targets))
    rows = [
        {
            "id": number,
            "notification_id": notification,
            "target": target,
            "key": wanted.key,
            "standing": wanted.standing,
            "version": wanted.version,
            "message": _text(wanted.message),
            "loud": wanted.loud,
            "delivered_version": 0,
            "held": "{}",
            "attempts": 0,
            "tries": 0,
            "next_at": now,
            "dead": False,
            "created_at": now,
            "updated_at": now,
        }
        for number, target in zip(numbers, targets, strict=True)
    ]
    connection.execute(insert(delivery), rows)


# -- leases ------------------------------------------------------------------------------------


def _free(now: datetime) -> Any:
    return or_(_MINE.leased_until.is_(None), _MINE.leased_until <= now)


def _reminds(now: datetime) -> Any:
    """Nothing new is to be sent, and the target is to be told the same once more."""
    return and_(_MINE.again_at <= now, _MINE.next_at.is_(None), _MINE.dead == false())


def any_due(connection: Connection, now: datetime, room: Mapping[str, int]) -> list[int]:
    """Those that are due, of each target at most so many, the longest due first; reminders last."""
    targets = [name for name, most in room.items() if most > 0]
    mine = and_(_free(now), _MINE.target.in_(targets))
    left, found = dict(room), []
    for due, at in ((_MINE.next_at <= now, _MINE.next_at), (_reminds(now), _MINE.again_at)):
        statement = select(_MINE.id, _MINE.target).where(due, mine).order_by(at, _MINE.id)
        for row in connection.execute(statement.limit(CHOICE)):
            if left[row.target] > 0:
                left[row.target] -= 1
                found.append(row.id)
    return found


def lease(
    connection: Connection, keys: Collection[int], now: datetime, hold_s: float
) -> list[Leased]:
    """Takes those of them that are still free; nobody else sends them meanwhile."""
    due = and_(or_(_MINE.next_at <= now, _reminds(now)), _free(now))
    free = select(delivery).where(_MINE.id.in_(keys), due).with_for_update(skip_locked=True)
    rows = connection.execute(free).all()
    until, token = now + timedelta(seconds=hold_s), secrets.token_hex(8)
    connection.execute(
        update(delivery)
        .where(_MINE.id.in_([row.id for row in rows]))
        .values(
            lease=token,
            leased_until=until,
            attempts=_MINE.attempts + 1,
            tries=_MINE.tries + 1,
        )
    )
    return [_leased(row, token, until) for row in rows]


def _leased(row: Row[Any], token: str, until: datetime) -> Leased:
    message = msgspec.json.decode(row.message, type=Message)
    again = row.delivered_version == row.version
    loud = row.loud and not again
    return Leased(
        id=row.id,
        token=token,
        notification=row.notification_id,
        target=row.target,
        delivery=Delivery(row.key, row.version, Standing(row.standing), message, loud),
        held=msgspec.json.decode(row.held),
        attempts=row.attempts + 1,
        failing_since=row.failing_since,
        until=until,
        again=again,
    )


def end_leases(connection: Connection, now: datetime) -> None:
    """Where only one process sends, whoever held a lease before it started is gone.

    What it was sending may still arrive, so it is not looked for, nor sent again, at once.
    """
    soon = now + ARRIVES_WITHIN
    connection.execute(update(delivery).where(_MINE.leased_until > soon).values(leased_until=soon))


def give_up_unknown(connection: Connection, known: Collection[str], now: datetime) -> None:
    """What is to be sent to targets that are not among these is dead, until they are again or
    somebody sends it again.
    """
    gone = and_(_MINE.next_at.is_not(None), _MINE.target.not_in(known))
    connection.execute(
        update(delivery)
        .where(gone)
        .values(dead=True, next_at=None, error=_NOT_DECLARED, updated_at=now)
    )
    # Also where another replica has known of the target a moment earlier than we.
    back = and_(_MINE.dead, _MINE.error == _NOT_DECLARED, _MINE.target.in_(known))
    fresh = _MINE.updated_at >= now - REVIVED_WITHIN
    connection.execute(update(delivery).where(back, fresh).values(**again_from(now), error=None))


def remind(connection: Connection, forgetful: Collection[str], now: datetime) -> None:
    """These targets, and no others, are told the same again; from now on, for who knows how long
    nobody has told them anything.
    """
    shows = and_(_MINE.standing != Standing.RESOLVED, _MINE.delivered_version > 0)
    mine = _MINE.target.in_(forgetful)
    connection.execute(update(delivery).where(mine, shows).values(again_at=now))
    others = and_(_MINE.again_at.is_not(None), _MINE.target.not_in(forgetful))
    connection.execute(update(delivery).where(others).values(again_at=None))


# -- what became of it -------------------------------------------------------------------------


def delivered(
    connection: Connection,
    one: Leased,
    held: Json,
    now: datetime,
    again_at: datetime | None = None,
) -> bool:
    """Keeps it; False if the lease had passed on, and then what is wanted is sent once more: what
    we sent may have come after what somebody else has sent meanwhile.
    """
    done = {
        "delivered_version": one.delivery.version,
        "delivered_standing": one.delivery.standing,
        "delivered_at": now,
        "held": _text(held),
        "attempts": 0,
        "failing_since": None,
        "error": None,
        "dead": False,
        "lease": None,
        "leased_until": None,
        "updated_at": now,
        "next_at": case((_MINE.version > one.delivery.version, _moment(now)), else_=None),
        "again_at": None if one.delivery.standing is Standing.RESOLVED else again_at,
    }
    mine = and_(_MINE.id == one.id, _MINE.lease == one.token)
    if connection.execute(update(delivery).where(mine).values(**done)).rowcount:
        return True
    connection.execute(
        update(delivery)
        .where(_MINE.id == one.id)
        .values(next_at=now, version=_MINE.version + 1, delivered_version=0)
    )
    return False


def failed(connection: Connection, one: Leased, failure: Failure, now: datetime) -> bool:
    """Keeps that it failed, unless the lease has passed on."""
    newer = _MINE.version > one.delivery.version
    again_at = literal(failure.again_at, type_=_MINE.next_at.type)
    values = {
        "error": failure.error,
        "failing_since": func.coalesce(_MINE.failing_since, _moment(now)),
        "lease": None,
        "leased_until": None,
        "updated_at": now,
        # What it should show has changed meanwhile: that may be taken where this was not.
        "next_at": case((newer, _moment(now)), else_=again_at)
        if failure.again_at is None
        else again_at,
        "dead": case((newer, False), else_=failure.again_at is None),
    }
    mine = and_(_MINE.id == one.id, _MINE.lease == one.token)
    return bool(connection.execute(update(delivery).where(mine).values(**values)).rowcount)


def revive(connection: Connection, target: str, now: datetime) -> int:
    """Sends again what was given up while the target was down; how many. It takes deliveries now.

    Only what it does not show yet, or forgets, was given up in the last REVIVED_WITHIN, and was revived less
    than REVIVALS times: what is refused for itself alone would else come back for ever.
    """
    lacks = or_(_MINE.delivered_version < _MINE.version, _MINE.again_at.is_not(None))
    gone = and_(_MINE.target == target, _MINE.dead, lacks)
    again = and_(gone, _MINE.updated_at >= now - REVIVED_WITHIN, _MINE.revivals < REVIVALS)
    numbers = list(connection.scalars(select(_MINE.notification_id).where(again)))
    if not numbers:
        return 0
    values = again_from(now) | {"revivals": _MINE.revivals + 1}
    connection.execute(update(delivery).where(again).values(**values))
    why = "it was given up while the target was down, which takes deliveries again"
    told = [Decision(notification=n, target=target, what="retry", reason=why) for n in numbers]
    decisions.note(connection, told, now)
    return len(numbers)


def hasten(connection: Connection, target: str, now: datetime) -> None:
    """What waits since it failed is tried now: the target was down, and takes deliveries again."""
    waits = and_(_MINE.target == target, _MINE.failing_since.is_not(None), _MINE.next_at > now)
    connection.execute(update(delivery).where(waits, ~_MINE.dead).values(next_at=now, attempts=0))


def again_from(now: datetime) -> dict[str, Any]:
    """Another version, for a channel may leave out one that it has."""
    return {
        "version": _MINE.version + 1,
        "next_at": now,
        "dead": False,
        "attempts": 0,
        "failing_since": None,
        "updated_at": now,
    }


# -- what is held ------------------------------------------------------------------------------


def note_held(
    connection: Connection, hold: Hold, now: datetime, among: Sequence[int] | None = None
) -> None:
    """Why what waits goes on waiting, of each notification, or of these."""
    waiting = select(_MINE.notification_id).where(_MINE.next_at.is_not(None)).distinct()
    if among is not None:
        waiting = waiting.where(_MINE.notification_id.in_(among))
    told = [
        Decision(notification=number, what="held", reason=str(hold))
        for number in connection.scalars(waiting)
    ]
    decisions.note(connection, told, now)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
