"""The slots that Airflow and Dagster themselves find, kept as data for `tests/unit/slots`.

Run with the Python of an orchestrator's own environment, it writes what that one says:

    .venv-airflow/bin/python tests/unit/slots/judges.py airflow3 tests/unit/slots/airflow3.json.gz
    .venv-airflow2/bin/python tests/unit/slots/judges.py airflow2 tests/unit/slots/airflow2.json.gz
    .venv-dagster/bin/python tests/unit/slots/judges.py dagster tests/unit/slots/dagster.json.gz

Time zones whose clocks change alike in the years looked at are judged once, by the first of them.
It imports nothing of ours: what it judges must not be what it judges with.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo, available_timezones, reset_tzpath

START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

CRONS = [
    "30 2 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "15 1 * * *",
    "0 3 * * 1-5",
    "45 2 * * 0",
    "0 * * * *",
    "20,50 * * * *",
    "0 * * * 1-5",
    "*/20 0-4 * * *",
    "10 */2 * * *",
    "0,30 2 * * *",
    "5 2,3 * * sat,sun",
    "30 23 * * *",
    "0 12 1 * *",
    "15 2 L * *",
    "45 1 * * 5#2",
    "0 0 1,15 * 3",
    "@daily",
    "@hourly",
    "@weekly",
    "@monthly",
]
FINE = ["*/15 * * * *", "*/7 1-3 * * *"]  # of zones where clocks change, around that alone
SECONDS = ["30 2 * * * */20", "*/30 * * * * 15"]  # six fields; of Airflow alone
LISTS = [["30 2 * * *", "0 3 * * *"], ["0 6 * * 1-5", "30 9 * * 6"], ["0 * * * *", "30 1 * * *"]]
LONG = {"0 12 1 * *", "15 2 L * *", "45 1 * * 5#2", "0 0 1,15 * 3", "@monthly"}
DELTAS = [90, 3600, 5400, 86400, 100_000]

#: Marks that the judge never comes to another slot.
STALLED = (END, END)

Span = tuple[datetime, datetime]
Slot = tuple[datetime, datetime]  # due, nominal
#: timing, crons, zone, span -> what the judge finds
Judge = Callable[[str, list[str], str, Span], list[Slot]]


def changes(zone: ZoneInfo) -> list[datetime]:
    """The hours after which clocks show something else."""
    found, at, step = [], START, timedelta(hours=12)
    while at < END:
        if at.astimezone(zone).utcoffset() != (at + step).astimezone(zone).utcoffset():
            hours = (at + n * HOUR for n in range(12))
            found += [h for h in hours if _offset(h, zone) != _offset(h + HOUR, zone)]
        at += step
    return found


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def alike(judge: str) -> Iterator[tuple[list[str], list[datetime]]]:
    """Zones with the same clocks, and when these change.

    Dagster also asks how much of it is daylight saving, which Python reckons from a zone's past.
    """
    groups: defaultdict[Any, list[str]] = defaultdict(list)
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        at = changes(zone)
        steps = [START, *(it + HOUR for it in at)]
        saving = [it.astimezone(zone).dst() for it in steps] if judge == "dagster" else []
        groups[tuple(at), str([*(_offset(it, zone) for it in steps), *saving])].append(name)
    for (at, _), names in sorted(groups.items(), key=lambda it: it[1]):
        yield names, list(at)


def questions(judge: str) -> Iterator[tuple[str, list[str], list[str], list[Span]]]:
    """timing, crons, zones, spans"""
    timings = ["tick"] if judge == "dagster" else ["trigger", "interval"]
    for zones, at in alike(judge):
        near = [(it - 31 * HOUR, it + 45 * HOUR) for it in at[:4]]
        spans = near or [(START + 61 * DAY, START + 64 * DAY)]
        for cron in CRONS:
            asked = [(START, END - 90 * DAY)] if cron in LONG else spans
            for timing in timings:
                if judge != "dagster" or not _moody(cron, zones):
                    yield timing, [cron], zones, asked
        if not near:
            continue
        fine = [(it - 27 * HOUR, it + 5 * HOUR) for it in at[:4]]
        for cron in FINE + ([] if judge == "dagster" else SECONDS):
            for timing in timings:
                yield timing, [cron], zones, fine
        for crons in [] if judge == "airflow2" else LISTS:  # it has no timetable of several
            if judge != "dagster" or not _moody(crons[0], zones):
                yield timings[0], crons, zones, near


def _moody(cron: str, zones: list[str]) -> bool:
    """By half an hour clocks change here alone, and Dagster's hours depend on when it is asked."""
    return "Australia/Lord_Howe" in zones and cron in {"0 * * * *", "20,50 * * * *", "@hourly"}


# -- the judges ------------------------------------------------------------------------------------


def airflow(timing: str, crons: list[str], zone: str, span: Span) -> list[Slot]:
    from airflow.timetables.interval import (  # type: ignore[import-not-found]
        CronDataIntervalTimetable,
    )
    from airflow.timetables.trigger import (  # type: ignore[import-not-found]
        CronTriggerTimetable,
    )

    if timing == "interval":
        return _dag_runs(CronDataIntervalTimetable(crons[0], zone), span)
    if len(crons) > 1:
        from airflow.timetables.trigger import MultipleCronTriggerTimetable

        return _dag_runs(MultipleCronTriggerTimetable(*crons, timezone=zone), span)
    return _dag_runs(CronTriggerTimetable(crons[0], timezone=zone), span)


def _dag_runs(timetable: Any, span: Span, *, live: bool = False) -> list[Slot]:
    """Of a Dag that starts with the span; `live`: without catchup, by a scheduler that is on time.

    Where clocks are put on, data intervals of crons such as `0 * * * 1-5` stop for ever: Airflow 3
    raises an error, Airflow 2 comes to the same run again and again. What was found until then
    counts.
    """
    import pendulum  # type: ignore[import-not-found]
    from airflow.timetables.base import TimeRestriction  # type: ignore[import-not-found]

    start, end = (pendulum.instance(at) for at in span)
    restriction = TimeRestriction(earliest=start, latest=None, catchup=not live)
    found: list[Slot] = []
    last, now = None, start
    while True:
        try:
            with _clock(timetable, now) if live else nullcontext():
                info = timetable.next_dagrun_info(
                    last_automated_data_interval=last, restriction=restriction
                )
        except (ValueError, AssertionError):
            return [*found, STALLED]
        if found and info is not None and info.run_after <= found[-1][0]:
            return [*found, STALLED]
        if info is None or info.run_after > end:
            return found
        last, now = info.data_interval, max(now, info.run_after + timedelta(milliseconds=300))
        found.append((info.run_after, info.logical_date))


def _clock(timetable: Any, now: datetime) -> Any:
    return mock.patch(f"{type(timetable).__module__}.utcnow", return_value=now)


def dagster(timing: str, crons: list[str], zone: str, span: Span) -> list[Slot]:
    from dagster._utils.schedules import (  # type: ignore[import-not-found]
        schedule_execution_time_iterator,
    )

    start, end = span
    ticks = schedule_execution_time_iterator(
        start.timestamp(), crons if len(crons) > 1 else crons[0], zone
    )
    within = takewhile(lambda it: it.timestamp() <= end.timestamp(), islice(ticks, 100_000))
    dues = [datetime.fromtimestamp(it.timestamp(), UTC) for it in within]
    return [(due, due) for due in sorted(set(dues))]


def deltas(span: Span) -> Iterator[dict[str, Any]]:
    from airflow.timetables.interval import DeltaDataIntervalTimetable

    kinds = {"interval": DeltaDataIntervalTimetable}
    try:
        from airflow.timetables.trigger import DeltaTriggerTimetable
    except ImportError:
        pass
    else:
        kinds["trigger"] = DeltaTriggerTimetable
    for timing, kind in kinds.items():
        for seconds in DELTAS:
            timetable = kind(timedelta(seconds=seconds))
            until = span[0] + 40 * timedelta(seconds=seconds)
            slots = _dag_runs(timetable, (span[0], until))
            yield {"timing": timing, "seconds": seconds, "spans": [_kept((span[0], until), slots)]}


# -- as data ---------------------------------------------------------------------------------------


def _kept(span: Span, slots: list[Slot]) -> list[Any]:
    """Start and end in seconds, each due after the one before, each nominal before its due."""
    start, end = (int(at.timestamp()) for at in span)
    if slots[-1:] == [STALLED]:
        slots = slots[:-1]
        end = int(slots[-1][0].timestamp()) if slots else start
    dues = [due.timestamp() - start for due, _ in slots]
    steps = [round(b - a) for a, b in zip([0.0, *dues], dues, strict=False)]
    leads = [round((due - nominal).total_seconds()) for due, nominal in slots]
    return [start, end, steps, leads if any(leads) else []]


def live(span: Span) -> Iterator[dict[str, Any]]:
    """Crons of Dags without catchup, through a change of clocks."""
    from airflow.timetables.interval import CronDataIntervalTimetable
    from airflow.timetables.trigger import CronTriggerTimetable

    for cron in CRONS[:14]:
        for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"):
            for timing in ("trigger", "interval"):
                made = (
                    CronTriggerTimetable(cron, timezone=zone)
                    if timing == "trigger"
                    else CronDataIntervalTimetable(cron, zone)
                )
                yield {
                    "timing": timing,
                    "crons": [cron],
                    "zones": [zone],
                    "live": True,
                    "spans": [_kept(span, _dag_runs(made, span, live=True))],
                }


def main(judge: str, target: str) -> None:
    reset_tzpath([])  # the package tzdata's zones, not the system's
    ask = dagster if judge == "dagster" else airflow
    rows: list[dict[str, Any]] = [
        {
            "timing": timing,
            "crons": crons,
            "zones": zones,
            "spans": [_kept(span, ask(timing, crons, zones[0], span)) for span in spans],
        }
        for timing, crons, zones, spans in questions(judge)
    ]
    if judge != "dagster":
        noon = datetime(2026, 3, 20, 12, 5, 17, tzinfo=UTC)
        rows += [*deltas((noon, noon)), *live((noon, noon + 20 * DAY))]
    text = json.dumps(rows, separators=(",", ":"), sort_keys=True)
    Path(target).write_bytes(gzip.compress(text.encode(), mtime=0))
    slots = sum(len(span[2]) for row in rows for span in row["spans"])
    sys.stdout.write(f"{judge}: {len(rows)} questions, {slots} slots\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
