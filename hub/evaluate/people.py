"""What people do with incidents, in the transaction of their action."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hub.errors import Conflict
from hub.evaluate.book import Book
from hub.evaluate.outcome import release_children
from hub.incidents import call, reopen
from hub.model import CALLED_SO, Incident, Resolution, Step, Transition
from hub.rules.base import LEARNED, Subject
from hub.store import dataset_baselines, facts
from hub.store.db import Connection
from hub.store.expectations import Looked, look_now
from hub.store.incident_steps import Held, hold_incident, move_incident

Saying = Callable[[Held, datetime], Step | None]


def say(connection: Connection, key: int, saying: Saying, by: str, now: datetime) -> None:
    """Does to the incident what somebody says; nothing if it is so already.

    Raises NotFound, and what `saying` raises.
    """
    held = hold_incident(connection, key)
    try:
        made = saying(held, now)
    except Conflict as error:
        raise Conflict(f"incident {key}: {error}") from None
    if made is None:
        return
    move_incident(connection, key, made, now, by)
    if made.transition is Transition.RESOLVED:
        release_children(connection, key, made.incident.parent, now)
    if _teaches(held.incident, made.incident):
        _learn_anew(connection, held, now)


def called(book: Book, why: Resolution, reason: str) -> Saying:
    """Expected, or the new normal, which only a rule can take in that learns what is normal."""

    def saying(held: Held, now: datetime) -> Step | None:
        if why is Resolution.NEW_NORMAL and not _learns(book, held.rule):
            raise Conflict(
                f"the rule {held.rule!r} does not learn what is normal, so there is no new normal "
                "to tell it; call the incident expected, or change the rule"
            )
        return call(held.incident, why, reason, now)

    return saying


def reopened(book: Book, reason: str) -> Saying:
    """What somebody called it is taken back."""

    def saying(held: Held, now: datetime) -> Step | None:
        if held.rule not in book.rules:
            raise Conflict(f"its rule {held.rule!r} is no longer in force")
        return reopen(held.incident, reason, now, book.terms_of(held.rule))

    return saying


def _learns(book: Book, rule: str) -> bool:
    found = book.rules.get(rule)
    return found is not None and not LEARNED.isdisjoint(found.kind.needs)


def _teaches(before: Incident, after: Incident) -> bool:
    return before.resolution is not after.resolution and not CALLED_SO.isdisjoint(
        {before.resolution, after.resolution}
    )


def _learn_anew(connection: Connection, held: Held, now: datetime) -> None:
    """What is normal is learned by what counts now, and the rule looks again by that."""
    if held.subject_kind == Subject.JOB:
        facts.forget_baselines(connection, held.subject_id)
    elif held.subject_kind == Subject.DATASET:
        dataset_baselines.forget(connection, held.subject_id)
    look_now(connection, Looked(held.rule, held.subject_kind, held.subject_id), now)
