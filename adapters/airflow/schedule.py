"""The schedule of a Dag, of what REST tells: a summary of its timetable and the Dag's time zone.

The zone is the Dag's, not the timetable's: the same for `schedule="0 6 * * *"`, another for a
timetable object with a zone of its own. The next run tells them apart: if it is no tick of the cron
in the Dag's zone, the zone is not the timetable's and nothing is said at all, for the Dag's own
OpenLineage events tell cron and zone as they are, and a wrong zone makes false alarms.

The next run's data interval tells what runs are called by, and when a timedelta is due; of one
without a next run nothing is said.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET

from adapters.airflow.wire import Dag, DagDetails
from hub.model import Schedule

_PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MANUAL: Final = frozenset({"", "None", "@once", "@continuous"})
_ASSET_OR: Final = re.compile(r"(?:Asset|Dataset) or (.+)")
_CRON: Final = re.compile(r"(?:[\d*/,\-#LW?A-Za-z]+ ){4,5}[\d*/,\-#LW?A-Za-z]+")
_DELTA: Final = re.compile(r"(?:(\d+) days?(?:, |$))?(?:(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?")


def schedule_of(dag: Dag, details: DagDetails) -> Schedule | None:
    """None: it has one that REST does not tell enough of (see above, and custom timetables)."""
    basis = _basis(dag, details)
    if basis is None or (basis.kind == "cron" and not _fits(basis, dag.next_run)):
        return None
    return msgspec.structs.replace(
        basis,
        paused=dag.is_paused,
        catchup=details.catchup,
        max_active_runs=dag.max_active_runs,
        start_at=details.start_date,
        end_at=details.end_date,
    )


def _basis(dag: Dag, details: DagDetails) -> Schedule | None:
    if isinstance(dag.schedule_interval, dict) and "days" in dag.schedule_interval:
        return _old_delta(dag, dag.schedule_interval)
    summary = _summary(dag)
    if timed := _ASSET_OR.fullmatch(summary):
        return _timed(timed[1], dag, details)
    condition = details.asset_expression or details.dataset_expression
    if condition:
        told = _condition(condition)
        return Schedule("dataset", msgspec.json.encode(told, order="sorted").decode())
    return Schedule("manual") if summary in _MANUAL else _timed(summary, dag, details)


def _condition(told: Any) -> Any:
    """A condition on assets without their ids, which the Dag's own events don't have."""
    match told:
        case {"asset": {"uri": _} as asset}:
            return {"asset": {name: value for name, value in asset.items() if name != "id"}}
        case {"all": list(parts)}:
            return {"all": [_condition(part) for part in parts]}
        case {"any": list(parts)}:
            return {"any": [_condition(part) for part in parts]}
        case _:
            return told


def _summary(dag: Dag) -> str:
    """Of Airflow 2 the interval: {"__type": "CronExpression", "value": "0 6 * * *"}."""
    interval: Any = (
        dag.timetable_summary if dag.schedule_interval is UNSET else dag.schedule_interval
    )
    if isinstance(interval, dict):
        interval = interval.get("value")
    return interval if isinstance(interval, str) else ""


def _timed(text: str, dag: Dag, details: DagDetails) -> Schedule | None:
    zone = details.timezone or "UTC"
    crons = [_PRESETS.get(one, one) for one in text.split(", ")]
    if all(_CRON.fullmatch(cron) for cron in crons):
        timing = "interval" if _by_data(dag) else "trigger"
        return Schedule("cron", "\n".join(crons), zone, timing=timing)
    if text and (delta := _DELTA.fullmatch(text)):
        days, hours, minutes, seconds = (int(part or 0) for part in delta.groups()[:4])
        return _interval(dag, ((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    return None


def _old_delta(dag: Dag, interval: dict[str, Any]) -> Schedule | None:
    days, seconds = int(interval.get("days") or 0), int(interval.get("seconds") or 0)
    return _interval(dag, days * 86400 + seconds)


def _interval(dag: Dag, seconds: int) -> Schedule | None:
    if dag.next_data is None or seconds <= 0:
        return None
    anchor = _EPOCH + (dag.next_data[1] - _EPOCH) % timedelta(seconds=seconds)
    timing = "interval" if _by_data(dag) else "trigger"
    return Schedule("interval", f"PT{seconds}S", timing=timing, anchor=anchor)


def _by_data(dag: Dag) -> bool:
    """Whether runs are called by the beginning of their data; if that can't be told, as by default."""
    if dag.next_data is None:
        return dag.schedule_interval is not UNSET  # Airflow 2
    return dag.next_data[0] < dag.next_data[1]


# -- whether the zone is the timetable's -----------------------------------------------------------


def _fits(schedule: Schedule, next_run: datetime | None) -> bool:
    """Whether the next run is a tick of one of the crons; True if that can't be told."""
    try:
        zone = ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return True
    if next_run is None:
        return True
    local = next_run.astimezone(zone)
    return any(_ticks(cron, local) for cron in schedule.expression.split("\n"))


def _ticks(cron: str, local: datetime) -> bool:
    fields = cron.split(" ")  # seconds, if any, come last
    minutes, hours = _values(fields[0], 59), _values(fields[1], 23)
    return (minutes is None or local.minute in minutes) and (hours is None or local.hour in hours)


def _values(field: str, highest: int) -> set[int] | None:
    """What a field of a cron allows; None if it is written in a way we don't read."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if match is None or match[4] == "0":
            return None
        low = int(match[2] or 0)
        high = int(match[3] or (low if match[2] and not match[4] else highest))
        found |= set(range(low, high + 1, int(match[4] or 1)))
    return found
