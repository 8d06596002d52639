"""What people ask for in a channel: done to the incidents that they were told of, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from glob import escape
from typing import Final

from hub.errors import BadInput, Conflict
from hub.evaluate.book import Book
from hub.evaluate.people import Saying, called, say
from hub.incidents import acknowledge, note, resolve, snooze
from hub.model import Resolution, Step, Viewer
from hub.ports import Action, WhatToDo
from hub.store.access import record_action
from hub.store.cases import about_incident, look_at_open
from hub.store.db import Connection
from hub.store.incident_steps import Held
from hub.store.notifications import members_open
from hub.store.silences import add_silence
from hub.store.targets import is_new_action

#: How long what is snoozed or silenced without a time is left alone.
USUAL: Final = timedelta(hours=1)


def do(connection: Connection, book: Book, target: str, one: Action, now: datetime) -> int:
    """Does it to each open incident of the notification with this key; how many. What was asked
    for before, by its id, is not done again; what can't be (any more) is left out.
    """
    if not is_new_action(connection, target, one.id, now):
        return 0
    by = f"{one.by} ({target})"
    record_action(connection, by, f"incident_{one.what}", one.key, now=now, detail=one.reason)
    keys = members_open(connection, one.key)
    if one.what is WhatToDo.SILENCE:
        for key in keys:
            _silence(connection, key, one, by, now)
        look_at_open(connection, now)
        return len(keys)
    done = 0
    for key in keys:
        try:
            say(connection, key, _saying(book, one, now), by, now)
        except (BadInput, Conflict):  # it is over meanwhile, or so already
            continue
        done += 1
    return done


def _saying(book: Book, one: Action, now: datetime) -> Saying:
    until = one.until or now + USUAL
    reason = one.reason or str(one.what).replace("_", " ")
    match one.what:
        case WhatToDo.ACKNOWLEDGE:
            return lambda held, at: acknowledge(held.incident, reason, at)
        case WhatToDo.SNOOZE:
            return lambda held, at: snooze(held.incident, until, reason, at)
        case WhatToDo.NOTE:
            return lambda held, _: note(held.incident, reason)
        case WhatToDo.EXPECTED:
            return called(book, Resolution.EXPECTED, reason)
        case WhatToDo.NEW_NORMAL:
            return called(book, Resolution.NEW_NORMAL, reason)
        case _:
            return lambda held, at: _resolved(held, reason, at)


def _resolved(held: Held, reason: str, now: datetime) -> Step | None:
    """Somebody says that it is over. If it is not, the next verdict opens it again."""
    if not held.incident.is_open:
        return None
    return resolve(held.incident, Resolution.HEALED, reason, now)


def _silence(connection: Connection, key: int, one: Action, by: str, now: datetime) -> None:
    """Of this rule on this subject."""
    about = about_incident(connection, Viewer(all=True), key)
    told = {
        "rule": about.rule,
        "namespace": about.namespace,
        "job": about.job,
        "dataset": about.dataset,
        "orchestrator": about.orchestrator if about.job is None else None,
        "target": about.target,
    }
    match = {name: escape(value) for name, value in told.items() if value is not None}
    add_silence(connection, match, now, one.until or now + USUAL, by, one.reason, now)
