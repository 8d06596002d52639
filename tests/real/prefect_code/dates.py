"""When schedules are due, as Prefect's own code finds it: > tests/answers/prefect/dates.json."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

CRONS = ("0 * * * *", "30 2 * * *", "*/20 1-3 * * *", "15 0 * * 1", "0 2,3 * * *", "7 1 1 * *")
RULES = (
    "FREQ=DAILY",
    "FREQ=HOURLY;BYMINUTE=5",
    "FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=6;BYMINUTE=15;BYSECOND=0",
    "FREQ=WEEKLY;BYDAY=SA,SU;BYHOUR=2;BYMINUTE=30",
    "FREQ=MONTHLY;BYDAY=2TU;BYHOUR=2",
    "FREQ=MONTHLY;BYMONTHDAY=1,15;BYHOUR=3",
    "FREQ=MONTHLY",
    "FREQ=YEARLY;BYMONTH=3,10;BYMONTHDAY=25,29;BYHOUR=2;BYMINUTE=30",
    "FREQ=YEARLY;BYDAY=SU;BYHOUR=2",
    "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=1,2;UNTIL=20261026T000000",
    "DTSTART:20200101T073000\nRRULE:FREQ=DAILY",
    "DTSTART:20200101T000500\nRRULE:FREQ=MINUTELY;INTERVAL=35",
    "DTSTART:20200102T021500\nRRULE:FREQ=DAILY;INTERVAL=3",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=DAILY;COUNT=3000",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
)
DAYS_AND = ("0 9 8-14 * 2", "0 9 13 * 5", "0 9 1-7 * MON,THU")
STEPS = (timedelta(minutes=90), timedelta(days=1), timedelta(days=7), timedelta(hours=36))
#: By zone, before clocks change there.
STARTS = {
    "UTC": [datetime(2026, 3, 28, 22, tzinfo=UTC)],
    "Europe/Zurich": [
        datetime(2026, 3, 28, 12, tzinfo=UTC),
        datetime(2026, 10, 24, 12, tzinfo=UTC),
    ],
    "America/New_York": [
        datetime(2026, 3, 7, 12, tzinfo=UTC),
        datetime(2026, 10, 31, 12, tzinfo=UTC),
    ],
    "Australia/Lord_Howe": [
        datetime(2026, 4, 4, 2, tzinfo=UTC),
        datetime(2026, 10, 3, 2, tzinfo=UTC),
    ],
}
ANCHORS = (datetime(2026, 1, 4, 1, 30, tzinfo=UTC), datetime(2026, 1, 4, 11, 30, 7, tzinfo=UTC))


def schedules(zone: str) -> list[Any]:
    found: list[Any] = [CronSchedule(cron=cron, timezone=zone) for cron in CRONS]
    found += [CronSchedule(cron=cron, timezone=zone, day_or=False) for cron in DAYS_AND]
    found += [RRuleSchedule(rrule=rule, timezone=zone) for rule in RULES]
    for anchor in ANCHORS:
        found += [IntervalSchedule(interval=s, anchor_date=anchor, timezone=zone) for s in STEPS]
    return found


async def dates() -> list[Any]:
    """(the schedule, from when, until when, the times at which it is due)."""
    told = []
    for zone, starts in STARTS.items():
        for one in schedules(zone):
            for start in starts:
                end = start + timedelta(days=3)
                found = await one.get_dates(n=40, start=start, end=end)
                times = [f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in found]
                schedule = one.model_dump(mode="json")
                told.append([schedule, start.isoformat(), end.isoformat(), times])
    return told


if __name__ == "__main__":
    lines = ",\n  ".join(map(json.dumps, asyncio.run(dates())))
    print('{"response": [\n  ' + lines + "\n]}")
