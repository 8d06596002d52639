"""What every part of a look needs: the connection, and the names behind ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from adapters.kubeflow.api import Api
from adapters.kubeflow.events import Place, pipeline_name, run_events, task_names
from adapters.kubeflow.wire import Pipeline, RecurringRun, Reference, Run
from hub.errors import Unavailable
from hub.ports import Json, Known

#: Versions of pipelines whose tasks are remembered.
_REMEMBERED: Final = 5_000
#: The job of runs whose pipeline has no name that is known.
NAMELESS: Final = "pipeline"


class Names:
    """Names of pipelines and jobs of recurring runs, by id. They go with the cursor, so that runs keep
    their job when what they were made from is deleted.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self.pipelines: dict[str, str] = {}
        self.recurring: dict[str, str] = {}
        self._tasks: dict[str, frozenset[str] | None] = {}

    @property
    def held(self) -> Json:
        return {"pipelines": dict(self.pipelines), "recurring": dict(self.recurring)}

    def restore(self, held: Json) -> None:
        self.pipelines = dict(held.get("pipelines", {})) | self.pipelines
        self.recurring = dict(held.get("recurring", {})) | self.recurring

    def learn_pipelines(self, rows: Sequence[Pipeline]) -> None:
        for row in rows:
            self.pipelines[row.pipeline_id] = row.called

    def learn_recurring(self, rows: Sequence[RecurringRun]) -> None:
        """Names are not unique: a later one is also called by the beginning of its id."""
        for row in rows:
            if row.recurring_run_id not in self.recurring:
                pipeline = self._pipeline(row.pipeline_version_reference, row.pipeline_spec)
                name = f"{pipeline}/{row.display_name or row.recurring_run_id[:8]}"
                taken = name in self.recurring.values()
                full = f"{name}-{row.recurring_run_id[:8]}" if taken else name
                self.recurring[row.recurring_run_id] = full

    def job(self, run: Run) -> str:
        """Of a recurring run that is gone its runs are those of the pipeline."""
        key = run.recurring_run_id
        if key and key not in self.recurring:
            self.learn_recurring(self._api.recurring())  # all, the oldest first, for their names
        known = self.recurring.get(key)
        job = known or self._pipeline(run.pipeline_version_reference, run.pipeline_spec)
        if key:
            self.recurring[key] = job
        return job

    def tasks(self, run: Run) -> frozenset[str] | None:
        """Of the run's pipeline; None if that can't be read (any more)."""
        if run.pipeline_spec is not None:
            return task_names(run.pipeline_spec) or None
        ref = run.pipeline_version_reference
        if ref is None or not ref.pipeline_id or not ref.pipeline_version_id:
            return None
        if ref.pipeline_version_id not in self._tasks:
            if len(self._tasks) >= _REMEMBERED:
                self._tasks.clear()
            self._tasks[ref.pipeline_version_id] = self._version_tasks(ref)
        return self._tasks[ref.pipeline_version_id]

    def _version_tasks(self, ref: Reference) -> frozenset[str] | None:
        """Who may not read pipelines sees tasks all the same, by their names."""
        try:
            found = self._api.version(ref.pipeline_id, ref.pipeline_version_id)
        except Unavailable as error:
            if not error.permanent:
                raise
            return None
        return task_names(found.pipeline_spec) or None if found is not None else None

    def _pipeline(self, ref: Reference | None, spec: Json | None) -> str:
        if ref is None or not ref.pipeline_id:
            return (pipeline_name(spec) if spec else None) or NAMELESS
        if ref.pipeline_id not in self.pipelines:
            row = self._api.pipeline(ref.pipeline_id)
            self.pipelines[ref.pipeline_id] = row.called if row else ref.pipeline_id
        return self.pipelines[ref.pipeline_id]


class Site:
    """One look at one Kubeflow Pipelines."""

    def __init__(
        self, api: Api, names: Names, place: Place, timezone: str, as_of: datetime, known: Known
    ) -> None:
        self.api = api
        self.names = names
        self.place = place
        self.timezone = timezone
        self.as_of = as_of
        self.known = known

    def events(self, rows: Sequence[Run]) -> list[Json]:
        found: list[Json] = []
        for run in rows:
            if run.created_at is not None:  # else the server tells only that it can't read it
                job = self.place.job(self.names.job(run))
                found += run_events(run, job, self.names.tasks(run), self.place)
        return found


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
