"""What a round found, committed: incidents, expectations and the place in the changes together."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from hub.evaluate.round import Found, Round
from hub.incidents import Terms, caused, damp, pass_time, resolve, step, turned
from hub.model import Resolution, Step, Transition
from hub.rules.base import Status, Subject, Verdict
from hub.store import dataset_baselines, expectations, facts, spans
from hub.store.cursors import save_places
from hub.store.db import Connection
from hub.store.expectations import Expected, save_expectations
from hub.store.hub_schedules import save_schedules
from hub.store.incident_steps import (
    Held,
    find_incident,
    hold_incident,
    keep_incident,
    move_incident,
    open_causes,
    open_children,
    open_incident,
    open_of,
    open_on_jobs_of,
    save_turns,
    turns_of,
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
    for key, terms in this.timed:
        _pass_time(connection, key, terms, this.now)
    waiting = [_expected(one) for one in this.found]
    for looked in this.gone:
        for held in open_of(connection, looked.rule, looked.kind, looked.subject):
            end(connection, held, "its rule no longer selects it", this.now)
    dropped = [Expected(looked, expectations.NOBODY, None) for looked in this.gone]
    save_expectations(connection, [*waiting, *dropped])
    save_schedules(connection, this.schedules)
    spans.save_spans(connection, this.edited)
    facts.save_baselines(connection, this.fitted, this.now)
    dataset_baselines.save(connection, this.learned, this.now)
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


def _pass_time(connection: Connection, key: int, terms: Terms, now: datetime) -> None:
    held = hold_incident(connection, key)
    made = pass_time(held.incident, now, terms)
    if isinstance(made, Step):
        _move(connection, key, held.rule, made, now)
    elif made != held.incident:
        keep_incident(connection, key, made, now)


def _apply(connection: Connection, one: Found, verdict: Verdict, now: datetime) -> None:
    held = find_incident(connection, one.place, verdict.key)
    made = step(None if held is None else held.incident, verdict, now, one.terms)
    if made is None or (verdict.status is Status.OK and _is_bad_elsewhere(one, held)):
        return
    opens = made.transition in (Transition.OPENED, Transition.REOPENED)
    if opens and one.terms.flapping is not None:
        beside = _flapping_beside(connection, one)
        if beside is not None:  # it takes in what opens beside it
            held, made, opens = beside, step(beside.incident, verdict, now, one.terms), False
        else:
            made = _counted(connection, one, made, verdict, now)
    if made is None:
        return
    if held is None:
        columns = one.columns.get(verdict.key)
        key = open_incident(connection, one.place, made, one.below, now, columns)
        _log(key, one.place.rule, made)
    else:
        key = held.id
        _move(connection, key, one.place.rule, made, now)
    if opens:
        _connect(connection, one, key, now)


def _is_bad_elsewhere(one: Found, held: Held | None) -> bool:
    """Of one that flaps: the end of one period says nothing while another is bad."""
    if held is None or held.incident.flaps is None or one.terms.each_by_itself:
        return False
    return any(each.status is Status.VIOLATED for each in one.judgement.verdicts)


def _flapping_beside(connection: Connection, one: Found) -> Held | None:
    """The incident that flaps for all of the subject."""
    if one.terms.each_by_itself:
        return None
    return next((held for held in _open(connection, one) if held.incident.flaps), None)


def _counted(
    connection: Connection, one: Found, made: Step, verdict: Verdict, now: datetime
) -> Step:
    """The opening, as flapping if the rule opens too often."""
    flapping, again = one.terms.flapping, made.transition is Transition.REOPENED
    assert flapping is not None
    if one.terms.each_by_itself:
        if not again:
            return made
        key = verdict.key
    elif _open(connection, one):
        return made
    else:
        key = ""
    before = turns_of(connection, one.place, key) or [made.incident.opened_at] * again
    turns = turned(before, now if again else verdict.since or now, flapping)
    save_turns(connection, one.place, key, turns)
    return damp(made, turns, flapping)


def _open(connection: Connection, one: Found) -> list[Held]:
    return open_of(connection, one.looked.rule, one.looked.kind, one.looked.subject)


def _move(connection: Connection, key: int, rule: str, made: Step, now: datetime) -> None:
    move_incident(connection, key, made, now)
    _log(key, rule, made)
    if made.transition is Transition.RESOLVED:
        release_children(connection, key, made.incident.parent, now)


def _log(key: int, rule: str, made: Step) -> None:
    log.info(
        "incident_moved", incident=key, transition=made.transition, rule=rule, reason=made.reason
    )


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
    made = caused(held.incident, parent, "an incident upstream is its cause")
    move_incident(connection, child, made, now)


def end(connection: Connection, held: Held, reason: str, now: datetime) -> None:
    """Nobody looks at it any more."""
    made = resolve(held.incident, Resolution.HEALED, reason, now)
    move_incident(connection, held.id, made, now)
    release_children(connection, held.id, made.incident.parent, now)


def release_children(connection: Connection, parent: int, above: int | None, now: datetime) -> None:
    """Those that are still bad when their cause is over: `above`, its own cause, is theirs then."""
    for child in open_children(connection, parent):
        made = caused(child.incident, above, "its cause is over")
        move_incident(connection, child.id, made, now)
