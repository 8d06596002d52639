"""What every part of a look needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from adapters.mlflow import events
from adapters.mlflow.api import Api
from adapters.mlflow.events import PARENT_TAG, Place
from adapters.mlflow.wire import Experiment, Run
from hub.ports import Json, Known

#: Runs whose experiment is remembered.
_REMEMBERED: Final = 50_000


class Site:
    """One look at one MLflow. parents: the experiments of runs that others are nested in, as far as
    they are known; it outlives the look.
    """

    def __init__(
        self, api: Api, place: Place, parents: dict[str, str | None], as_of: datetime, known: Known
    ) -> None:
        self.api = api
        self.place = place
        self.as_of = as_of
        self.known = known
        self._parents = parents

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        return {one.experiment_id: one for one in self.api.experiments()}

    def name_of(self, run: Run) -> str | None:
        """Of its experiment; None: that was deleted for good."""
        found = self.experiments.get(run.info.experiment_id)
        return None if found is None else found.name

    def by_id(self, ids: Sequence[str]) -> dict[str, Run]:
        found = self.api.runs_by_id(list(self.experiments), ids) if ids else []
        return {run.info.run_id: run for run in found}

    def run_events(self, rows: Sequence[Run]) -> list[Json]:
        self._learn(rows)
        found: list[Json] = []
        for run in rows:
            name = self.name_of(run)
            event = None
            if name is not None:
                event = events.run_event(run, name, self.place, self._parent(run))
            found += [event] if event is not None else []
        return found

    def _learn(self, rows: Sequence[Run]) -> None:
        if len(self._parents) > _REMEMBERED:
            self._parents.clear()
        named = {parent for run in rows if (parent := run.tag(PARENT_TAG))}
        missing = sorted(named - self._parents.keys())
        known = {run.info.run_id: run for run in rows}
        known |= self.by_id([run_id for run_id in missing if run_id not in known])
        for run_id in missing:
            run = known.get(run_id)
            self._parents[run_id] = run.info.experiment_id if run else None

    def _parent(self, run: Run) -> tuple[str, str] | None:
        parent = run.tag(PARENT_TAG)
        found = self.experiments.get(self._parents.get(parent or "") or "")
        return (parent, found.name) if parent and found else None


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
