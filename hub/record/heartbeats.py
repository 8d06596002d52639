"""Pings of heartbeats into what the recorder knows: events of runs, and schedules.

A ping alone says little: which run it ends is known from those before it. So it is decided in the
transaction that records it, by where the heartbeat's runs stand; what follows is pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hub.model import EventType, Schedule, ScheduleObserved
from hub.openlineage.decode import decode_event
from hub.record.incoming import (
    Incoming,
    IncomingEvent,
    IncomingObservation,
    IncomingPing,
    PingKind,
    Sender,
    incoming_event,
)
from hub.schedules.graces import usual_grace
from hub.schedules.intervals import interval_of
from hub.store import heartbeats as store
from hub.store.db import Connection
from hub.store.heartbeats import MOST_OPEN, Heartbeat, HeartbeatRun, Runs
from hub.store.types import from_micros, to_micros

#: Characters of what the pings of a run have said that are kept, the last ones.
LOG_TAIL: Final = 100_000
SLUG: Final = r"^[A-Za-z0-9_-]+$"
_NOT_IN_SLUGS: Final = re.compile(r"[^a-z0-9_]+")
#: So long after its end a run is remembered, for pings that come once more.
REMEMBERED: Final = timedelta(days=1)
#: Characters of the last line of a failed run's log that become its error.
_LINE: Final = 500
_RUN_IDS: Final = UUID("6f1b2f0e-5d0c-4c5e-9a55-6d0e6e7c1d20")
_PRODUCER: Final = "https://trackside.dev/heartbeats"
_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS: Final = "https://openlineage.io/spec/facets/"
_OVERTAKEN: Final = "the next run began, and this one had not said how it ended"
_OUTCOMES: Final = {PingKind.SUCCESS: EventType.COMPLETE, PingKind.FAIL: EventType.FAIL}


class Said(Struct, frozen=True):
    """What a ping says of one run."""

    kind: EventType
    run: HeartbeatRun
    exit_status: int | None = None
    error: str | None = None


class Heard(Struct, frozen=True):
    """What a ping comes to: what is said, runs that changed, and whether one began."""

    said: tuple[Said, ...] = ()
    runs: Runs = {}
    began: bool = False


def hear(connection: Connection, pings: Sequence[IncomingPing]) -> list[Incoming]:
    """The events and observations that pings come to; keeps where the runs stand thereafter."""
    held = store.lock_heartbeats(connection, [ping.heartbeat for ping in pings])
    by_heartbeat: dict[int, list[IncomingPing]] = defaultdict(list)
    for ping in pings:
        by_heartbeat[ping.heartbeat].append(ping)
    found: list[Incoming] = []
    for number, (one, runs) in held.items():
        found += _hear_all(connection, one, runs, by_heartbeat[number])
    return found


def _hear_all(
    connection: Connection, one: Heartbeat, runs: Runs, pings: Sequence[IncomingPing]
) -> Iterator[Incoming]:
    changed: Runs = {}
    anchor = one.anchor
    for ping in pings:
        heard = heard_of(one, runs, ping)
        runs.update(heard.runs)
        changed.update(heard.runs)
        yield from (_event(one, said, ping.received_at) for said in heard.said)
        at = from_micros(ping.received_at)
        if heard.began and one.schedule is not None and is_off(one.schedule, anchor, at):
            anchor = at
            yield schedule_of(one, one.schedule, anchor, ping.received_at)
    now = from_micros(pings[-1].received_at)
    gone = forgotten(runs, now)
    kept = {rid: run for rid, run in changed.items() if rid not in gone}
    store.save_runs(connection, one, kept, gone, anchor=anchor, pinged_at=now)


# -- what a ping says --------------------------------------------------------------------------


def heard_of(one: Heartbeat, runs: Runs, ping: IncomingPing) -> Heard:
    """Of the run of its rid. One that comes a second time says nothing new."""
    held = runs.get(ping.rid)
    match ping.kind:
        case PingKind.START:
            return _started(one, held, ping)
        case PingKind.LOG:
            return _told_more(runs, ping)
        case PingKind.SUCCESS | PingKind.FAIL:
            return _ended(one, held, ping)


def _started(one: Heartbeat, held: HeartbeatRun | None, ping: IncomingPing) -> Heard:
    run = _begun(one, ping)
    if held is None or not held.is_open:
        return Heard((Said(EventType.START, run),), {ping.rid: run}, began=True)
    if ping.rid or held.run_id == run.run_id:
        held = _with_log(held, ping)
        return Heard((Said(EventType.RUNNING, held),), {ping.rid: held})
    overtaken = Said(EventType.ABORT, held, error=_OVERTAKEN)
    return Heard((overtaken, Said(EventType.START, run)), {ping.rid: run}, began=True)


def _told_more(runs: Runs, ping: IncomingPing) -> Heard:
    """To the run of its rid, else to the one that began last."""
    rid = ping.rid
    if rid not in runs:
        rid = max(runs, key=lambda each: runs[each].started_at, default="")
    if rid not in runs:
        return Heard()
    run = _with_log(runs[rid], ping)
    kind = EventType.RUNNING if run.is_open else EventType.OTHER
    return Heard((Said(kind, run, ping.exit_status),), {rid: run})


def _ended(one: Heartbeat, held: HeartbeatRun | None, ping: IncomingPing) -> Heard:
    outcome, at = _OUTCOMES[ping.kind], from_micros(ping.received_at)
    if held is not None and not held.is_open:
        if held.outcome == outcome and (ping.rid or held.ended_at == at):
            return Heard()
        held = held if ping.rid else None
    run = _begun(one, ping) if held is None else _with_log(held, ping)
    run = replace(run, ended_at=at, outcome=outcome.value)
    said = Said(outcome, run, ping.exit_status, _error_of(run, ping))
    if held is not None:
        return Heard((said,), {ping.rid: run})
    return Heard((Said(EventType.START, run), said), {ping.rid: run}, began=True)


def _begun(one: Heartbeat, ping: IncomingPing) -> HeartbeatRun:
    words = (one.job.namespace, one.job.name, ping.rid, str(ping.received_at))
    run_id = uuid5(_RUN_IDS, "\0".join(words)).bytes
    at = from_micros(ping.received_at)
    return _with_log(HeartbeatRun(run_id=run_id, started_at=at), ping)


def _with_log(run: HeartbeatRun, ping: IncomingPing) -> HeartbeatRun:
    if not ping.log:
        return run
    between = "\n" if run.log and not run.log.endswith("\n") else ""
    return replace(run, log=f"{run.log}{between}{ping.log}"[-LOG_TAIL:])


def _error_of(run: HeartbeatRun, ping: IncomingPing) -> str | None:
    if ping.kind is not PingKind.FAIL:
        return None
    status = "" if ping.exit_status is None else f"exit status {ping.exit_status}"
    line = next((line for line in reversed(run.log.splitlines()) if line.strip()), "").strip()
    return ": ".join(filter(None, (status, line[:_LINE]))) or "its ping says that it failed"


def forgotten(runs: Runs, now: datetime) -> list[str]:
    """Rids of runs that ended long ago, and of the earliest of too many that never end."""
    over = [rid for rid, run in runs.items() if run.ended_at and now - run.ended_at > REMEMBERED]
    still_open = sorted((run.started_at, rid) for rid, run in runs.items() if run.is_open)
    return over + [rid for _, rid in still_open[:-MOST_OPEN]]


def slug_of(name: str) -> str:
    """The name as it stands in a URL; names that differ in signs alone have the same."""
    return _NOT_IN_SLUGS.sub("-", name.lower()).strip("-")[:100] or "heartbeat"


# -- as the recorder takes it ------------------------------------------------------------------


def is_off(schedule: Schedule, anchor: datetime, at: datetime) -> bool:
    """Whether a run that began then moves those that follow it: a period counts from the last run.

    By little it does not, else every run of a steady job would have a schedule of its own.
    """
    if schedule.kind != "interval":
        return False
    period = interval_of(schedule.expression)
    off = (at - anchor) % period
    told = schedule.grace_s
    grace = usual_grace(period) if told is None else timedelta(seconds=told)
    return min(off, period - off) > grace / 4


def schedule_of(
    one: Heartbeat, schedule: Schedule, anchor: datetime, received_at: int
) -> IncomingObservation:
    """What the job of a heartbeat is to do, as an observation."""
    if schedule.kind == "interval":
        schedule = replace(schedule, anchor=anchor)
    seen = ScheduleObserved(one.job, schedule, from_micros(received_at))
    return IncomingObservation(seen, received_at, None, _sender(one))


def _event(one: Heartbeat, said: Said, received_at: int) -> IncomingEvent:
    at = to_micros(said.run.started_at) if said.kind is EventType.START else received_at
    raw = msgspec.json.encode(
        {
            "eventType": said.kind.value,
            "eventTime": from_micros(at).isoformat(),
            "producer": _PRODUCER,
            "schemaURL": _SPEC + "RunEvent",
            "run": {"runId": str(UUID(bytes=said.run.run_id)), "facets": _run_facets(said)},
            "job": {
                "namespace": one.job.namespace,
                "name": one.job.name,
                "facets": {"jobType": _JOB_TYPE},
            },
        }
    )
    return incoming_event(decode_event(raw), raw, raw, received_at, _sender(one))


def _run_facets(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if said.run.log:
        found["trackside_log"] = _facet(_SPEC + "RunFacet", tail=said.run.log)
    if said.exit_status is not None:
        found["trackside_exit"] = _facet(_SPEC + "RunFacet", status=said.exit_status)
    if said.error is not None:
        schema = _FACETS + "1-0-1/ErrorMessageRunFacet.json"
        found["errorMessage"] = _facet(schema, message=said.error, programmingLanguage="")
    return found


def _facet(schema: str, **values: object) -> dict[str, object]:
    return {"_producer": _PRODUCER, "_schemaURL": schema, **values}


_JOB_TYPE: Final = _facet(
    _FACETS + "2-0-3/JobTypeJobFacet.json",
    processingType="BATCH",
    integration="HEARTBEAT",
    jobType="JOB",
)


def _sender(one: Heartbeat) -> Sender:
    return Sender(one.owner.orchestrator, one.owner.team)
