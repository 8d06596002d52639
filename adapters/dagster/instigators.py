"""Schedules and sensors: what is declared of jobs, which ticks failed and which were skipped."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct, field

from adapters.dagster.events import Place, answer_facet, event, facet
from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import INSTIGATORS
from adapters.dagster.wire import Fault, Typed, iso, moment
from hub.model import EntityName, Schedule, ScheduleObserved
from hub.ports import Json

#: How far back ticks are read, each time anew.
LOOK_BACK: Final = timedelta(minutes=30)
_ON: Final = "RUNNING"
_BY_DATA: Final = frozenset({"ASSET", "MULTI_ASSET", "AUTO_MATERIALIZE", "AUTOMATION"})


class Tick(Struct, frozen=True, rename="camel"):
    tick_id: str = ""
    status: str = ""
    timestamp: float | None = None
    end_timestamp: float | None = None
    skip_reason: str | None = None
    error: Fault | None = None


class _Since(Struct, frozen=True, rename="camel"):
    start_timestamp: float | None = None


class _State(Struct, frozen=True, rename="camel"):
    status: str = ""
    type_specific_data: _Since | None = None
    ticks: list[Tick] = []


class Instigator(Struct, frozen=True):
    """A schedule or sensor. `what` says which."""

    what: str
    name: str
    location: str
    jobs: tuple[str, ...]
    on: bool
    ticks: tuple[Tick, ...] = ()
    crons: tuple[str, ...] = ()
    timezone: str = "UTC"
    since: datetime | None = None
    by_data: bool = False

    @property
    def last_error(self) -> str | None:
        """Why the latest tick failed, if it did."""
        latest = max(self.ticks, key=lambda tick: tick.timestamp or 0.0, default=None)
        if latest is None or latest.status != "FAILURE":
            return None
        return (latest.error.first_line if latest.error else "") or "its last tick failed"


class _ScheduleRow(Struct, frozen=True, rename="camel"):
    name: str
    cron_schedule: str = ""
    execution_timezone: str | None = None
    pipeline_name: str = ""
    state: _State = field(name="scheduleState", default=_State())


class _Target(Struct, frozen=True, rename="camel"):
    pipeline_name: str = ""


class _SensorRow(Struct, frozen=True, rename="camel"):
    name: str
    sensor_type: str | None = None
    targets: list[_Target] | None = None
    state: _State = field(name="sensorState", default=_State())


class _Schedules(Typed, frozen=True):
    results: list[_ScheduleRow] = field(default_factory=list)


class _Sensors(Typed, frozen=True):
    results: list[_SensorRow] = field(default_factory=list)


class _Answer(Struct, frozen=True):
    schedules: _Schedules = field(name="schedulesOrError")
    sensors: _Sensors = field(name="sensorsOrError")


def read_instigators(
    graphql: GraphQL, repositories: Iterable[tuple[str, str]], now: datetime
) -> list[Instigator]:
    """Of the (code location, repository)s. Ticks must be asked for with a time: Dagster has
    answered none at all where only a limit was given.
    """
    found: list[Instigator] = []
    for location, repository in repositories:
        selector = {"repositoryLocationName": location, "repositoryName": repository}
        variables = {"repository": selector, "after": (now - LOOK_BACK).timestamp()}
        answer, _ = graphql.query(INSTIGATORS, _Answer, variables)
        if "RepositoryNotFoundError" in {answer.schedules.typename, answer.sensors.typename}:
            continue  # reloaded just now
        graphql.expect(answer.schedules, "Schedules")
        graphql.expect(answer.sensors, "Sensors")
        found += [_schedule(row, location) for row in answer.schedules.results]
        found += [_sensor(row, location) for row in answer.sensors.results]
    return found


def crons_of(told: str) -> tuple[str, ...]:
    """One cron, or several as Python writes a list of them."""
    if not told.lstrip().startswith("["):
        return (told,) if told.strip() else ()
    try:
        found = ast.literal_eval(told)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    return tuple(one for one in found if isinstance(one, str) and one.strip())


def schedules(
    found: Sequence[Instigator], jobs: Iterable[str], namespace: str, observed_at: datetime
) -> Iterator[ScheduleObserved]:
    """What is declared of each job; one that nothing starts is started by hand."""
    by_job: defaultdict[str, list[Instigator]] = defaultdict(list)
    for one in found:
        for job in one.jobs:
            by_job[job].append(one)
    for job in sorted({*jobs, *by_job}):
        told = _declared(by_job[job])
        yield ScheduleObserved(EntityName(namespace, job), told, observed_at)


def skipped(found: Iterable[Instigator], place: Place) -> Iterator[Json]:
    """Slots for which a schedule decided to start nothing: they are not missed."""
    for one in found:
        if one.what != "schedule" or not one.jobs:
            continue
        for tick in one.ticks:
            slot = moment(tick.timestamp)
            if tick.status == "SKIPPED" and slot is not None:
                yield _skipped(one, tick, slot, place)


def _skipped(one: Instigator, tick: Tick, slot: datetime, place: Place) -> Json:
    name = f"{place.namespace}/{one.location}/{one.name}/{iso(slot)}"
    facets = {
        "nominalTime": facet("1-0-1/NominalTimeRunFacet", nominalStartTime=iso(slot)),
        "trackside_answer": answer_facet(
            "skipped",
            f"{one.location}/{one.name}/{iso(slot)}",
            url=f"{place.url}/locations/{one.location}/schedules/{one.name}",
        ),
    }
    at = moment(tick.end_timestamp) or slot
    run_id = str(uuid5(NAMESPACE_URL, f"dagster-tick:{name}"))
    return event("ABORT", at, place, one.jobs[0], run_id, facets)


def _schedule(row: _ScheduleRow, location: str) -> Instigator:
    since = row.state.type_specific_data
    return Instigator(
        "schedule",
        row.name,
        location,
        (row.pipeline_name,) if row.pipeline_name else (),
        row.state.status == _ON,
        tuple(row.state.ticks),
        crons_of(row.cron_schedule),
        row.execution_timezone or "UTC",
        moment(since.start_timestamp) if since else None,
    )


def _sensor(row: _SensorRow, location: str) -> Instigator:
    jobs = tuple(sorted({t.pipeline_name for t in row.targets or () if t.pipeline_name}))
    return Instigator(
        "sensor",
        row.name,
        location,
        jobs,
        row.state.status == _ON,
        tuple(row.state.ticks),
        by_data=row.sensor_type in _BY_DATA,
    )


def _declared(found: Sequence[Instigator]) -> Schedule:
    """Schedules that are on count before those that are off. Of several time zones the one with
    most crons is told: a job has one.
    """
    timed = [one for one in found if one.crons]
    if not timed:
        by_data = any(one.by_data and one.on for one in found)
        return Schedule("dataset" if by_data else "manual")
    on = [one for one in timed if one.on]
    zones: defaultdict[str, list[Instigator]] = defaultdict(list)
    for one in sorted(on or timed, key=lambda it: (it.location, it.name)):
        zones[one.timezone].append(one)
    zone, chosen = max(zones.items(), key=lambda it: (len(it[1]), it[0]))
    crons = dict.fromkeys(cron for one in chosen for cron in one.crons)
    starts = [one.since for one in chosen]
    known = [start for start in starts if start is not None]
    return Schedule(
        "cron",
        "\n".join(crons),
        zone,
        paused=not on,
        start_at=min(known) if len(known) == len(starts) else None,
        timing="tick",
    )
