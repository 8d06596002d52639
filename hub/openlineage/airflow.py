"""What Airflow says in its own facets: natural ids, tries, schedules (provider openlineage 1.8-2.x).

A Dag run keeps its run_id through clears and each clear is an attempt; a task instance keeps
(run_id, map_index) through retries and each try is one.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hub.model import EventType, Schedule
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading
from hub.schedules.intervals import first_of, interval_of, interval_text


class _Dag(Struct, gc=False):
    dag_id: str | None = None
    timetable: dict[str, Any] | None = None
    schedule_interval: Any = None
    start_date: str | None = None
    end_date: str | None = None


class _DagRun(Struct, gc=False):
    run_id: str | None = None
    run_type: str | None = None
    data_interval_end: str | None = None
    clear_number: int | None = None
    partition_key: str | None = None


class _Task(Struct, gc=False):
    retries: int | None = None


#: How the ids of Dag runs begin that the hub has launched (adapters.airflow.launch).
LAUNCHED: Final = "trackside__"


class _TaskInstance(Struct, gc=False, rename={"log_url": "log_url"}):
    try_number: int | None = None
    map_index: int | None = None
    log_url: str | None = None


class _Airflow(Facet, rename="camel"):
    dag: _Dag | None = None
    dag_run: _DagRun | None = None
    task: _Task | None = None
    task_instance: _TaskInstance | None = None


class _AirflowDagRun(Facet, rename="camel"):
    dag: _Dag | None = None
    dag_run: _DagRun | None = None


class _AirflowState(Facet, rename="camel"):
    dag_run_state: str
    tasks_state: dict[str, str | None]


class _MappedTask(Facet, rename="camel"):
    map_index: int | None = None


def _task_run(facet: _Airflow, known: Known, reading: Reading) -> None:
    _common(facet, known, reading)
    if facet.dag_run and facet.dag_run.run_id:
        known["parent_natural_id"] = known["natural_id"]
    if (instance := facet.task_instance) is None:
        return
    if instance.map_index is not None:
        known["map_index"] = reading.small(instance.map_index, "taskInstance", "map_index")
    known["external_url"] = reading.maybe(instance.log_url, "taskInstance", "log_url")
    if instance.try_number is not None:
        known["attempt"] = reading.small(instance.try_number, "taskInstance", "try_number")
        retries = (facet.task and facet.task.retries) or 0
        failed = reading.event_type is EventType.FAIL
        known["will_retry"] = failed and instance.try_number <= retries


def _dag_run(facet: _AirflowDagRun, known: Known, reading: Reading) -> None:
    _common(facet, known, reading)
    known["launched"] = (known.get("natural_id") or "").startswith(LAUNCHED)
    if facet.dag_run and facet.dag_run.clear_number is not None:
        clears = reading.small(facet.dag_run.clear_number, "dagRun", "clear_number")
        known["attempt"] = clears + 1
    # Of the Dag alone: a task that a branch skips sends no event and is not missed.
    if facet.dag and (schedule := _schedule(facet.dag, facet.dag_run, reading)):
        known["schedule"] = schedule


def _common(facet: _Airflow | _AirflowDagRun, known: Known, reading: Reading) -> None:
    if run := facet.dag_run:
        known["natural_id"] = reading.maybe(run.run_id, "dagRun", "run_id")
        known["partition"] = reading.maybe(run.partition_key, "dagRun", "partition_key")


def _mapped(facet: _MappedTask, known: Known, reading: Reading) -> None:
    if facet.map_index is not None:
        known["map_index"] = reading.small(facet.map_index, "mapIndex")


def _schedule(dag: _Dag, run: _DagRun | None, reading: Reading) -> Schedule | None:
    """The Dag's schedule; None if it isn't told or its timetable is not one of Airflow's own.

    When the intervals of a timedelta lie is told by its scheduled runs alone: others tell nothing.
    """
    if dag.timetable is None:
        return _old_schedule(dag.schedule_interval)
    schedule = _timetable(dag.timetable)
    if schedule is None:
        return None
    if schedule.kind == "interval":
        if run is None or run.run_type != "scheduled" or run.data_interval_end is None:
            return None
        due = reading.time(run.data_interval_end, "dagRun", "data_interval_end")
        schedule = replace(schedule, anchor=first_of(interval_of(schedule.expression), due))
    start = dag.start_date and reading.time(dag.start_date, "dag", "start_date")
    end = dag.end_date and reading.time(dag.end_date, "dag", "end_date")
    return replace(schedule, start_at=start or None, end_at=end or None)


def _old_schedule(interval: Any) -> Schedule | None:
    """Before timetables were sent (provider < 1.14): a preset, a cron expression, or nothing."""
    if not isinstance(interval, str):
        return None
    if interval in {"None", "@once", "@continuous"}:
        return Schedule("manual")
    if interval == "Dataset":
        return Schedule("dataset")
    return Schedule("cron", interval, timing="interval")


def _timetable(timetable: Mapping[str, Any]) -> Schedule | None:
    """A serialized timetable (airflow.serialization.encoders).

    Of "datasets or time" the timed half is kept: only that says when a run must have come.
    """
    match timetable:
        case {"timetable": {"__var": dict(timed)}}:
            return _timetable(timed)
        case {"asset_condition": condition} | {"dataset_condition": condition}:
            told = _condition(condition)
            return Schedule("dataset", msgspec.json.encode(told, order="sorted").decode())
        case {"expressions": list(crons)}:
            return _read("cron", "\n".join(map(str, crons)), timetable)
        case {"expression": str(cron)}:
            return _read("cron", cron, timetable)
        case {"delta": int() | float() as seconds}:
            return _read("interval", interval_text(seconds), timetable)
        case _:
            return None if timetable else Schedule("manual")


def _condition(told: Any) -> Any:
    """A condition on assets as the REST API writes it, so that both tell one schedule."""
    match told:
        case {"__type": "asset_all" | "dataset_all", "objects": list(parts)}:
            return {"all": [_condition(part) for part in parts]}
        case {"__type": "asset_any" | "dataset_any", "objects": list(parts)}:
            return {"any": [_condition(part) for part in parts]}
        case {"__type": "asset"}:
            return {"asset": {name: told.get(name) for name in ("uri", "name", "group")}}
        case {"__type": "asset_alias"}:
            return {"alias": {name: told.get(name) for name in ("name", "group")}}
        case {"__type": "asset_ref"}:
            return {"asset_ref": {name: told[name] for name in told if name != "__type"}}
        case {"__type": "dataset", "uri": str(uri)}:
            return uri
        case {"__type": "dataset_alias", "name": str(name)}:
            return {"alias": name}
        case _:
            return told


def _read(kind: str, expression: str, timetable: Mapping[str, Any]) -> Schedule | None:
    """Timetables that trigger at a time say how much data is behind it; data intervals don't.

    None: so much that it depends on the calendar (a relativedelta).
    """
    zone, length = _zone(timetable), timetable.get("interval", 0)
    if not isinstance(length, int | float):
        return None
    if timetable.keys().isdisjoint({"interval", "run_immediately", "expressions"}):
        return Schedule(kind, expression, zone, timing="interval")
    return Schedule(kind, expression, zone, data_interval_s=float(length) or None)


def _zone(timetable: Mapping[str, Any]) -> str:
    """A name, or a fixed offset in seconds (airflow's encode_timezone)."""
    zone = timetable.get("timezone", "UTC")
    if isinstance(zone, int):
        sign, minutes = "-" if zone < 0 else "+", abs(zone) // 60
        return f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return str(zone)


AIRFLOW_RUN = {
    "airflow": Reader(_Airflow, _task_run, foreign=True),
    "airflowDagRun": Reader(_AirflowDagRun, _dag_run, foreign=True),
    "airflowState": Reader(_AirflowState, foreign=True),
    "airflow_mappedTask": Reader(_MappedTask, _mapped, foreign=True),
}
