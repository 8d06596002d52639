"""What a round found, committed: incidents, expectations and the place in the changes together."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from hub.evaluate.round import Found, Round
from hub.incidents import caused, step
from hub.model import Transition
from hub.rules.base import Verdict
from hub.store import expectations, facts, spans
from hub.store.cursors import save_places
from hub.store.db import Connection
from hub.store.expectations import Expected, save_expectations
from hub.store.incidents import (
    find_incident,
    hold_incident,
    move_incident,
    open_causes,
    open_children,
    open_incident,
)
from hub.store.leases import Fence

log = structlog.get_logger(__name__)

#: How the loop is called that reads the changes.
READER: Final = "evaluate"


def save(connection: Connection, this: Round, fence: Fence) -> None:
    fence(connection)
    for one in this.found:
        for verdict in one.judgement.verdicts:
            _apply(connection, one, verdict, this.now)
    waiting = [
        Expected(one.looked, one.orchestrator_id, one.judgement.due_at) for one in this.found
    ]
    dropped = [Expected(looked, expectations.NOBODY, None) for looked in this.gone]
    save_expectations(connection, [*waiting, *dropped])
    for key, held in this.edited.items():
        spans.save_spans(connection, key, held)
    facts.save_baselines(connection, this.fitted, this.now)
    save_places(connection, READER, this.places)


def _apply(connection: Connection, one: Found, verdict: Verdict, now: datetime) -> None:
    held = find_incident(connection, one.place, verdict.key)
    made = step(None if held is None else held.incident, verdict, now)
    if made is None:
        return
    if held is None:
        key = open_incident(connection, one.place, made, one.below, now)
    else:
        key = held.id
        move_incident(connection, key, made, now)
    log.info(
        "incident_moved",
        incident=key,
        transition=made.transition,
        rule=one.place.rule,
        reason=made.reason,
    )
    if made.transition in (Transition.OPENED, Transition.REOPENED):
        _connect(connection, one, key, now)
    elif made.transition is Transition.RESOLVED:
        release_children(connection, key, made.incident.parent, now)


def _connect(connection: Connection, one: Found, key: int, now: datetime) -> None:
    """Finds the incident's cause upstream, or those downstream of which it is the cause."""
    if one.place.dry_run or one.above is None or one.below is None:
        return
    roots = open_causes(connection, one.above.jobs, one.above.datasets)
    if roots:
        _cause(connection, key, roots[0], now)
        return
    for child in open_causes(connection, one.below.jobs, one.below.datasets):
        _cause(connection, child, key, now)


def _cause(connection: Connection, child: int, parent: int, now: datetime) -> None:
    held = hold_incident(connection, child)
    made = caused(held.incident, parent, f"incident {parent} upstream is its cause")
    move_incident(connection, child, made, now)


def release_children(connection: Connection, parent: int, above: int | None, now: datetime) -> None:
    """Those that are still bad when their cause is over: `above`, its own cause, is theirs then."""
    for child in open_children(connection, parent):
        made = caused(child.incident, above, f"incident {parent}, its cause, is over")
        move_incident(connection, child.id, made, now)
