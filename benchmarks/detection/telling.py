"""What the hub hears of a fleet, and when: OpenLineage events and observations in order of arrival."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from benchmarks.detection.fleet import (
    Fleet,
    History,
    Job,
    Orchestrator,
    Pause,
    Run,
    Written,
)
from hub.model import FreshnessPolicyObserved, ScheduleObserved, WatermarkObserved
from hub.openlineage.decode import decode_event
from hub.record import Incoming, IncomingObservation, Sender, incoming_event
from hub.store.types import from_micros, to_micros

#: How often an orchestrator is asked, and how far behind the answer is.
POLL_S: Final = 60
BEHIND_S: Final = 5
_SECOND: Final = 1_000_000
_POLL: Final = POLL_S * _SECOND

Heard = tuple[int, int, Any]  # arrival, event time, what
_json = msgspec.json.Encoder()


class Clock:
    """When what happens in an orchestrator is heard of."""

    def __init__(self, whose: Orchestrator, outages: list[Pause], chance: random.Random) -> None:
        self._polled = whose.polled
        self._outages = [(to_micros(one.since), to_micros(one.until)) for one in outages]
        self._chance = chance

    def heard(self, at: int) -> int:
        """The arrival of what happened at an instant; both in microseconds."""
        if not self._polled:
            return at + round(self._chance.expovariate(1 / 2) * _SECOND)
        return self.poll_after(ceil((at + BEHIND_S * _SECOND) / _POLL) * _POLL)

    def poll_after(self, at: int) -> int:
        for since, until in self._outages:
            if since <= at <= until:
                return ceil(until / _POLL) * _POLL
        return at

    def polls(self, begin: int, end: int) -> Iterator[int]:
        at = ceil(begin / _POLL) * _POLL
        while at < end:
            yield self.poll_after(at)
            at = self.poll_after(at) + _POLL


def told(made: Fleet, seed: int = 0) -> Iterator[Incoming]:
    """Everything, in the order of its arrival."""
    for came, at, what in _heard(made, seed):
        yield _item(came, at, what)


def heard_of(made: Fleet, seed: int = 0) -> Iterator[tuple[str, datetime]]:
    """Whom anything was heard of, and when."""
    for came, _, what in _heard(made, seed):
        yield _whose(what), from_micros(came)


def _whose(what: Any) -> str:
    if isinstance(what, Orchestrator):
        return what.name
    if len(what) == 2 and isinstance(what[0], str):
        return what[0]
    job: Job = what[0] if len(what) == 2 else what[1]
    return job.orchestrator.name


def _heard(made: Fleet, seed: int) -> list[Heard]:
    chance = random.Random(seed)
    clocks: dict[str, Clock] = {}
    heard: list[Heard] = []
    for history in made.histories:
        whose = history.job.orchestrator
        if whose.name not in clocks:
            clocks[whose.name] = Clock(whose, made.outages.get(whose.name, []), chance)
        heard += _events(history, clocks[whose.name], to_micros(made.end))
        heard += _declarations(history, clocks[whose.name], made.begin)
    for history in {h.job.orchestrator.name: h for h in made.histories}.values():
        heard += _marks(history.job.orchestrator, clocks, made)
    for name, seen in made.observed:
        at = to_micros(seen.observed_at)
        heard.append((clocks[name].heard(at), at, (name, seen)))
    heard.sort(key=lambda each: each[:2])
    return heard


def _events(history: History, clock: Clock, end: int) -> Iterator[Heard]:
    for run in (*history.runs, *history.extra):
        if run.begin is None:
            continue
        told = [("START", run.begin), *_beats(history.job, run), (run.state, run.end)]
        for kind, when in told:
            at = end if when is None else to_micros(when)
            if at < end:
                yield clock.heard(at), at, (kind, history.job, run)


def _beats(job: Job, run: Run) -> Iterator[tuple[str, datetime | None]]:
    length = run.beats if run.beats is not None else run.seconds
    if job.beat_s is None or length is None or run.begin is None:
        return
    for number in range(1, int(length / job.beat_s) + 1):
        yield "RUNNING", run.begin + timedelta(seconds=number * job.beat_s)


def _declarations(history: History, clock: Clock, begin: datetime) -> Iterator[Heard]:
    """Schedules and policies at the beginning, pauses when they begin and end."""
    job = history.job
    edits = [(begin, job.schedule)]
    for pause in history.pauses:
        edits.append((pause.since, replace(job.schedule, paused=True)))
        edits.append((pause.until, job.schedule))
    for when, schedule in edits:
        at = to_micros(when)
        yield clock.heard(at), at, (job, ScheduleObserved(job.name, schedule, when))
    if job.lag_s is not None:
        policy = FreshnessPolicyObserved(job.output, job.lag_s, begin)
        yield clock.heard(to_micros(begin)), to_micros(begin), (job, policy)


def _marks(whose: Orchestrator, clocks: dict[str, Clock], made: Fleet) -> Iterator[Heard]:
    if not whose.polled:
        return
    for at in clocks[whose.name].polls(to_micros(made.begin), to_micros(made.end)):
        # After all that was read with it, whatever that is dated.
        yield at, at, whose


def _item(came: int, at: int, what: Any) -> Incoming:
    if isinstance(what, Orchestrator):
        seen = WatermarkObserved(from_micros(at - BEHIND_S * _SECOND), from_micros(at))
        return IncomingObservation(seen, came, what.name, Sender(what.name))
    if len(what) == 2 and isinstance(what[0], str):
        name, observed = what
        return IncomingObservation(observed, came, name, Sender(name))
    if len(what) == 2:
        job, observed = what
        sender = _sender(job)
        return IncomingObservation(observed, came, job.orchestrator.name, sender)
    kind, job, run = what
    raw = _json.encode(_event(kind, job, run, at))
    return incoming_event(decode_event(raw), raw, raw, came, _sender(job))


def _sender(job: Job) -> Sender:
    return Sender(job.orchestrator.name, job.team)


def _event(kind: str, job: Job, run: Run, at: int) -> dict[str, Any]:
    written = kind == "COMPLETE" and run.updates
    nominal = {"nominalTime": {"nominalStartTime": _text(run.slot.nominal_at)}}
    return {
        "eventType": kind,
        "eventTime": _text(from_micros(at)),
        "producer": "https://trackside.example/benchmarks",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": _run_id(job, run), "facets": nominal},
        "job": {"namespace": job.name.namespace, "name": job.name.name, "facets": {}},
        "inputs": [],
        "outputs": [_output(job, run.wrote)] if written else [],
    }


def _output(job: Job, wrote: Written) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    of_output: dict[str, Any] = {}
    if wrote.columns:
        facets["schema"] = {"fields": [{"name": n, "type": kind} for n, kind in wrote.columns]}
    if wrote.checks:
        facets["dataQualityAssertions"] = {"assertions": [*_assertions(wrote)]}
    if wrote.rows is not None:
        of_output["outputStatistics"] = {"rowCount": wrote.rows}
    if wrote.partition:
        one = {"dimensions": {"day": wrote.partition}}
        of_output["subset"] = {"outputCondition": {"type": "partition", "partitions": [one]}}
    named = {"namespace": job.output.namespace, "name": job.output.name}
    return named | {"facets": facets, "outputFacets": of_output}


def _assertions(wrote: Written) -> Iterator[dict[str, Any]]:
    for check in wrote.checks:
        yield {"assertion": check, "column": "id", "success": check not in wrote.failed}


def _run_id(job: Job, run: Run) -> str:
    number = int(job.name.name.rpartition("_")[2])
    return str(UUID(int=(0xA << 124) | (number << 40) | run.number))


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
