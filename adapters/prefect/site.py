"""What every part of a look needs: the connection, and the names behind ids."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

from adapters.prefect import events
from adapters.prefect.api import Api
from adapters.prefect.events import Parent, Place, task_of
from adapters.prefect.tries import needs_history, tries_of
from adapters.prefect.wire import Deployment, Flow, FlowRun, State, TaskRun
from hub.ports import Json, Known

K = TypeVar("K")
V = TypeVar("V")

_REMEMBERED: Final = 50_000


class Memo(Generic[K, V]):
    """What never changes once it is known, so many of it."""

    def __init__(self) -> None:
        self._held: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._held.get(key)

    def put(self, key: K, value: V) -> None:
        self._held[key] = value
        while len(self._held) > _REMEMBERED:
            self._held.popitem(last=False)

    def missing(self, keys: Iterable[K | None]) -> list[K]:
        return [key for key in dict.fromkeys(keys) if key is not None and key not in self._held]


class Names:
    """Names of flows and deployments, and which run is part of which. Only a saving: it is asked
    again after a restart.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._flows = Memo[UUID, str]()
        self._deployments = Memo[UUID, str | None]()
        self._jobs = Memo[UUID, str]()
        self._parents = Memo[UUID, UUID]()
        self._histories = Memo[tuple[UUID, UUID | None], list[State]]()

    def learn(self, rows: Sequence[FlowRun]) -> None:
        """All that is needed to tell the flow runs."""
        self._learn_names(rows)
        parents = self._parents.missing(row.parent_task_run_id for row in rows)
        for task in self._api.by_ids("/task_runs/filter", TaskRun, "task_runs", parents):
            if task.flow_run_id is not None:
                self._parents.put(task.id, task.flow_run_id)
        self.learn_jobs(self._parents.get(t) for row in rows if (t := row.parent_task_run_id))

    def learn_jobs(self, flow_runs: Iterable[UUID | None]) -> None:
        """Of flow runs that only their tasks or subflows name."""
        missing = self._jobs.missing(flow_runs)
        self._learn_names(self._api.by_ids("/flow_runs/filter", FlowRun, "flow_runs", missing))

    def learn_flows(self, ids: Iterable[UUID]) -> None:
        for flow in self._api.by_ids("/flows/filter", Flow, "flows", self._flows.missing(ids)):
            self._flows.put(flow.id, flow.name)

    def flow(self, flow_id: UUID) -> str | None:
        return self._flows.get(flow_id)

    def job(self, flow_run: UUID) -> str | None:
        """None: its flow was deleted."""
        return self._jobs.get(flow_run)

    def parent(self, row: FlowRun) -> Parent | None:
        above = self._parents.get(row.parent_task_run_id) if row.parent_task_run_id else None
        job = self._jobs.get(above) if above else None
        return Parent(above, job) if above and job else None

    def history(self, row: FlowRun | TaskRun) -> list[State]:
        """The states that it was in up to its present one; none if the row tells all."""
        if not needs_history(row):
            return []
        key = (row.id, row.state.id if row.state else None)
        held = self._histories.get(key)
        if held is None:
            kind = "flow" if isinstance(row, FlowRun) else "task"
            params = {f"{kind}_run_id": str(row.id)}
            held = self._api.get(f"/{kind}_run_states/", list[State], params)
            self._histories.put(key, held)
        return held

    def _learn_names(self, rows: Sequence[FlowRun]) -> None:
        self.learn_flows(row.flow_id for row in rows)
        missing = self._deployments.missing(row.deployment_id for row in rows)
        path = "/deployments/filter"
        for one in self._api.by_ids(path, Deployment, "deployments", missing):
            self._deployments.put(one.id, one.name)
        for gone in self._deployments.missing(missing):
            self._deployments.put(gone, None)
        for row in rows:
            flow = self._flows.get(row.flow_id)
            name = self._deployments.get(row.deployment_id) if row.deployment_id else None
            if flow is not None and self._jobs.get(row.id) is None:
                self._jobs.put(row.id, job_name(flow, name))


def job_name(flow: str, deployment: str | None) -> str:
    return flow if deployment is None else f"{flow}/{deployment}"


class Site:
    """One look at one Prefect. waiting: flow runs that are due, once they are read."""

    def __init__(self, api: Api, names: Names, place: Place, as_of: datetime, known: Known) -> None:
        self.api = api
        self.names = names
        self.place = place
        self.as_of = as_of
        self.known = known
        self.open: Sequence[FlowRun] = ()

    def flow_events(self, rows: Sequence[FlowRun]) -> list[Json]:
        self.names.learn(rows)
        found: list[Json] = []
        for row in rows:
            if (job := self.names.job(row.id)) is not None:
                tries = tries_of(row, self.names.history(row))
                parent = self.names.parent(row)
                found += events.run_events(row, tries, self.place.job(job), self.place, parent)
        return found

    def task_events(
        self, rows: Sequence[TaskRun], ended: dict[UUID, State] | None = None
    ) -> list[Json]:
        """ended: how flow runs ended whose tasks may have been left behind."""
        self.names.learn_jobs(row.flow_run_id for row in rows)
        found: list[Json] = []
        for row in rows:
            job = self.names.job(row.flow_run_id) if row.flow_run_id else None
            if row.flow_run_id is not None and job is None:
                continue
            parent = None
            if row.flow_run_id is not None and job is not None:
                parent = Parent(row.flow_run_id, job, max(row.flow_run_run_count, 1))
            own = self.place.job(f"{job}.{task_of(row.task_key)}" if job else task_of(row.task_key))
            left = (ended or {}).get(row.flow_run_id) if row.flow_run_id else None
            tries = tries_of(row, self.names.history(row))
            found += events.run_events(row, tries, own, self.place, parent, left)
        return found


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
