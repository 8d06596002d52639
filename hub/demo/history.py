"""The history of the made-up world: which job ran when, told by its orchestrator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hub.demo.airflow import Airflow
from hub.demo.dagster import Dagster
from hub.demo.facets import Json, iso, static_event
from hub.demo.jobs import AIRFLOW, DAGSTER, ENGINE, HOST, JOBS
from hub.demo.nouns import Cause, Job, Run, Schedule, Span, Stream, Trouble, Try, Updated
from hub.demo.plain import Engine, Host
from hub.demo.plan import STUCK_H, plan
from hub.demo.slots import slots
from hub.demo.tables import TABLES
from hub.demo.voice import Voice

VOICES: Final[dict[str, type[Voice]]] = {
    AIRFLOW: Airflow, DAGSTER: Dagster, HOST: Host, ENGINE: Engine,
}  # fmt: skip
REACTION = timedelta(seconds=5)
UNNOTICED = timedelta(minutes=40)  # a job may be this late without anybody calling it late


def simulate(now: datetime, weeks: int = 3, seed: int = 1) -> Iterator[Json]:
    """OpenLineage events of the weeks before `now`, in the order of their times."""
    events = list(History(Span(now, weeks), seed).events())
    end = iso(now)
    events.sort(key=lambda event: str(event["eventTime"]))
    return (event for event in events if event["eventTime"] <= end)


class History:
    """Jobs are played in their order, so that a dataset's updates are known to who waits for them."""

    def __init__(self, span: Span, seed: int) -> None:
        self._span = span
        self._seed = seed
        self._voices = {name: voice(seed, span) for name, voice in VOICES.items()}
        self._updates: dict[str, list[tuple[datetime, Cause]]] = defaultdict(list)

    def events(self) -> Iterator[Json]:
        yield from self._prologue()
        for job in JOBS:
            yield from self._play(job)

    def _prologue(self) -> Iterator[Json]:
        """What is known before anything runs: the tables nobody writes, the engine's jobs."""
        voice = self._voices[ENGINE]
        assert isinstance(voice, Engine)
        written = {key for job in JOBS for step in job.steps for key in step.writes}
        first = self._span.monday - timedelta(weeks=self._span.weeks)
        for key in sorted(TABLES.keys() - written):
            told = voice.datasets.described(key, first)
            yield static_event(voice.producer, "DatasetEvent", first, dataset=told)
        yield from (voice.announce(job) for job in JOBS if job.orchestrator == ENGINE)

    def _play(self, job: Job) -> Iterator[Json]:
        voice = self._voices[job.orchestrator]
        if isinstance(job.schedule, Stream):
            assert isinstance(voice, Engine)
            yield from voice.stream(self._endless(job))
            return
        for slot, causes in self._due(job):
            run = plan(job, slot, self._seed, self._span, causes)
            self._note(run, voice.id_of(run))
            yield from voice.tell(run)

    def _endless(self, job: Job) -> Run:
        start = self._span.monday - timedelta(weeks=self._span.weeks)
        one = Try(job.steps[0], 1, start, None, None)
        return Run(job, start, start, None, None, (one,))

    def _due(self, job: Job) -> Iterator[tuple[datetime, tuple[Cause, ...]]]:
        """When the job starts, and because of which updates."""
        schedule: Schedule = job.schedule
        if isinstance(schedule, Updated):
            yield from self._triggered(schedule)
        elif not isinstance(schedule, Stream):
            found = list(slots(schedule, self._span.start, self._last(job)))
            late = job.trouble is Trouble.LATE
            yield from ((slot, ()) for slot in (found[:-1] if late else found))

    def _last(self, job: Job) -> datetime:
        """Before when the job's latest slot lies; nothing follows a slot that hangs or is late."""
        match job.trouble:
            case Trouble.LATE:
                return self._span.now - UNNOTICED
            case Trouble.STUCK:
                return self._span.now - timedelta(hours=STUCK_H)
            case _:
                return self._span.now

    def _triggered(self, schedule: Updated) -> Iterator[tuple[datetime, tuple[Cause, ...]]]:
        """Once all its tables have been updated, from then on anew."""
        updates = [(*update, key) for key in schedule.tables for update in self._updates[key]]
        seen: dict[str, Cause] = {}
        for at, cause, key in sorted(updates, key=lambda update: update[0]):
            seen[key] = cause
            if len(seen) == len(schedule.tables):
                yield at + REACTION, tuple(dict.fromkeys(seen.values()))
                seen = {}

    def _note(self, run: Run, run_id: str) -> None:
        cause = Cause(run.job.orchestrator, run.job.name, run_id)
        for one in run.tries:
            if one.ending == "COMPLETE" and one.end is not None and run.wrote:
                for key in one.step.writes:
                    self._updates[key].append((one.end, cause))
