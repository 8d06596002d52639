"""What every part of a look needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.argo import events
from adapters.argo.api import Api
from adapters.argo.events import Place, Run
from adapters.argo.tasks import first_number
from adapters.argo.wire import Workflow
from hub.ports import Json, Known, KnownRun, RunName


class Site:
    """One look at one Argo server. timezone: of cron workflows that name none."""

    def __init__(
        self, api: Api, place: Place, timezone: str, as_of: datetime, known: Known
    ) -> None:
        self.api = api
        self.place = place
        self.timezone = timezone
        self.as_of = as_of
        self.known = known

    def events(self, rows: Sequence[Workflow]) -> list[Json]:
        """Of whole workflows and their tasks."""
        runs = [(row, events.runs_of(row, self.place)) for row in rows]
        names = {_name(run) for _, found in runs for run in found}
        known = self.known.runs(sorted(names, key=lambda it: (it.job.name, it.natural_id)))
        told: list[Json] = []
        for row, found in runs:
            numbers = [_first(run, known.get(_name(run))) for run in found]
            for run, number in zip(found, numbers, strict=True):
                told += events.run_events(row, run, number, numbers[0], self.place)
        return told


def _name(run: Run) -> RunName:
    return RunName(run.job, run.natural_id)


def _first(run: Run, known: KnownRun | None) -> int:
    if known is None:
        return 1
    return first_number([one.started for one in run.tries], known.attempt, known.started_at)


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
