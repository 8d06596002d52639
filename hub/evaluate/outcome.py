"""What a round found, committed: incidents, expectations and the place in the changes together."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from hub.evaluate.round import Found, Round
from hub.incidents import caused, resolve, step
from hub.model import Resolution, Transition
from hub.rules.base import Subject, Verdict
from hub.store import expectations, facts, spans
from hub.store.cursors import save_places
from hub.store.db import Connection
from hub.store.expectations import Expected, save_expectations
from hub.store.incidents import (
    Held,
    find_incident,
    hold_incident,
    move_incident,
    open_causes,
    open_children,
    open_incident,
    open_of,
    open_on_jobs_of,
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
    waiting = [_expected(one) for one in this.found]
    for looked in this.gone:
        for held in open_of(connection, looked.rule, looked.kind, looked.subject):
            end(connection, held, "its rule no longer selects it", this.now)
    dropped = [Expected(looked, expectations.NOBODY, None) for looked in this.gone]
    save_expectations(connection, [*waiting, *dropped])
    for key, over_time in this.edited.items():
        spans.save_spans(connection, key, over_time)
    facts.save_baselines(connection, this.fitted, this.now)
    save_places(connection, READER, this.places)


def _expected(one: Found) -> Expected:
    told = one.judgement
    return Expected(
        one.looked,
        one.orchestrator_id,
        told.due_at,
        told.awaits,
        told.met_at,
        told.held,
        one.error,
    )


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
    apart = one.looked.kind == Subject.ORCHESTRATOR
    for parent in open_causes(connection, one.above, None if apart else one.orchestrator_id)[:1]:
        _cause(connection, key, parent, now)
        return
    for child in _downstream_of(connection, one, key):
        _cause(connection, child, key, now)


def _downstream_of(connection: Connection, one: Found, key: int) -> list[int]:
    assert one.below is not None
    if one.looked.kind != Subject.ORCHESTRATOR:
        return open_causes(connection, one.below)
    if one.place.kind != "orchestrator_silent":
        return []
    since = hold_incident(connection, key).incident.since
    return open_on_jobs_of(connection, one.looked.subject, since)


def _cause(connection: Connection, child: int, parent: int, now: datetime) -> None:
    held = hold_incident(connection, child)
    made = caused(held.incident, parent, f"incident {parent} upstream is its cause")
    move_incident(connection, child, made, now)


def end(connection: Connection, held: Held, reason: str, now: datetime) -> None:
    """Nobody looks at it any more."""
    made = resolve(held.incident, Resolution.HEALED, reason, now)
    move_incident(connection, held.id, made, now)
    release_children(connection, held.id, made.incident.parent, now)


def release_children(connection: Connection, parent: int, above: int | None, now: datetime) -> None:
    """Those that are still bad when their cause is over: `above`, its own cause, is theirs then."""
    for child in open_children(connection, parent):
        made = caused(child.incident, above, f"incident {parent}, its cause, is over")
        move_incident(connection, child.id, made, now)
