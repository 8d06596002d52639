"""A few jobs that do all they should, and a hub that hears of it in some other way than it should."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from hub.model import EntityName, Schedule, ScheduleObserved, WatermarkObserved
from hub.openlineage.decode import decode_event
from hub.record import Incoming, IncomingObservation, Sender, incoming_event
from hub.schedules.slots import timetable_of
from hub.store.types import to_micros

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOOK = timedelta(minutes=3)
Hears = Callable[
    [datetime], datetime | None
]  # when what happens at an instant is heard of, if ever


class World:
    """Jobs of one orchestrator, by the minutes at which they run each hour or their cron.

    skew: how far its clock, by which it runs and dates everything, is ahead of ours.
    """

    def __init__(
        self,
        crons: Sequence[str],
        *,
        hours: int = 24,
        name: str = "orc",
        skew: timedelta = timedelta(0),
        dead: Callable[[str, datetime], bool] = lambda _job, _due: False,
    ) -> None:
        self.name, self.skew = name, skew
        self.begin, self.end = BEGIN, BEGIN + hours * HOUR
        self.jobs = {f"job_{n}": Schedule("cron", cron) for n, cron in enumerate(crons)}
        self._dead = dead

    def told(self, hears: Hears) -> list[Incoming]:
        """Schedules at the beginning, and of each run its start and its end."""
        found: list[Incoming] = [
            self._observed(ScheduleObserved(EntityName(self.name, job), schedule, self.begin))
            for job, schedule in self.jobs.items()
        ]
        for at, kind, job, due in self._happened():
            heard = hears(at - self.skew)
            if heard is not None:
                found.append(self._event(kind, job, due, at, heard))
        return found

    def marks(
        self, polls: Sequence[datetime], behind: timedelta = 5 * MINUTE / 60
    ) -> list[Incoming]:
        """Watermarks by its own clock, one with each poll."""
        return [
            IncomingObservation(
                WatermarkObserved(at + self.skew - behind, at),
                to_micros(at),
                self.name,
                Sender(self.name),
            )
            for at in polls
        ]

    def _happened(self) -> Iterator[tuple[datetime, str, str, datetime]]:
        """By its own clock."""
        for job, schedule in self.jobs.items():
            timetable = timetable_of(schedule)
            assert timetable is not None
            for slot in timetable.between(self.begin, self.end - 2 * TOOK):
                if not self._dead(job, slot.due_at):
                    begun = slot.due_at + timedelta(seconds=4)
                    yield begun, "START", job, slot.due_at
                    yield begun + TOOK, "COMPLETE", job, slot.due_at

    def _observed(self, seen: Any) -> Incoming:
        return IncomingObservation(seen, to_micros(self.begin), self.name, Sender(self.name))

    def _event(self, kind: str, job: str, due: datetime, at: datetime, heard: datetime) -> Incoming:
        run = UUID(int=(0xA << 124) | (int(job[4:]) << 40) | int(due.timestamp()))
        raw = msgspec.json.encode(
            {
                "eventType": kind,
                "eventTime": at.isoformat(),
                "producer": "https://example.org/tests",
                "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
                "run": {"runId": str(run), "facets": {}},
                "job": {"namespace": self.name, "name": job, "facets": {}},
                "inputs": [],
                "outputs": [],
            }
        )
        return incoming_event(decode_event(raw), raw, raw, to_micros(heard), Sender(self.name))


def polls(begin: datetime, end: datetime, *away: tuple[datetime, datetime]) -> list[datetime]:
    """Each minute, but for the times in which nobody asks or nobody answers."""
    found = [begin + n * MINUTE for n in range(1, int((end - begin) / MINUTE) + 1)]
    return [at for at in found if not any(since <= at < until for since, until in away)]


def with_poll(times: Sequence[datetime], behind: timedelta = 5 * MINUTE / 60) -> Hears:
    """What had happened some seconds before a poll is heard of with it."""

    def heard(at: datetime) -> datetime | None:
        place = bisect_left(times, at + behind)
        return times[place] if place < len(times) else None

    return heard


def in_order(*items: list[Incoming]) -> list[Incoming]:
    """By their arrival; a watermark after what came with it."""
    return sorted(
        (one for some in items for one in some),
        key=lambda one: (one.received_at, _is_mark(one)),
    )


def _is_mark(one: Incoming) -> bool:
    return isinstance(one, IncomingObservation) and isinstance(one.observation, WatermarkObserved)
