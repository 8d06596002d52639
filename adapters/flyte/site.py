"""What every part of a look needs: the connection, and the names behind ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from adapters.flyte import events
from adapters.flyte.api import Api
from adapters.flyte.events import Place
from adapters.flyte.wire import Execution, ExecutionId
from hub.model import EntityName
from hub.ports import Json, Known

_REMEMBERED: Final = 20_000


class Names:
    """Names of nodes and jobs of executions. Only a saving: it is asked again after a restart."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._nodes: dict[tuple[str, ...], dict[str, str]] = {}
        self._jobs: dict[tuple[str, str, str], str | None] = {}

    def nodes(self, row: Execution) -> dict[str, str]:
        key = row.closure.workflow_id
        if key is None or not key.version:
            return {}
        at = (key.project, key.domain, key.name, key.version)
        if at not in self._nodes:
            self._bound(self._nodes)
            self._nodes[at] = events.node_names(self._api.workflow(key))
        return self._nodes[at]

    def learn(self, row: Execution) -> None:
        self._bound(self._jobs)
        self._jobs[row.id.path] = row.job

    def job(self, key: ExecutionId) -> str | None:
        """None: it can't be found."""
        if key.path not in self._jobs:
            row = self._api.execution(*key.path)
            self._bound(self._jobs)
            self._jobs[key.path] = None if row is None else row.job
        return self._jobs[key.path]

    @staticmethod
    def _bound(
        held: dict[tuple[str, ...], dict[str, str]] | dict[tuple[str, str, str], str | None],
    ) -> None:
        if len(held) >= _REMEMBERED:
            held.clear()


class Site:
    """One look at one Flyte. places: project/domain, of each what to look at."""

    def __init__(
        self,
        api: Api,
        names: Names,
        place: Place,
        places: Sequence[str],
        timezone: str,
        as_of: datetime,
        known: Known,
    ) -> None:
        self.api = api
        self.names = names
        self.place = place
        self.places = places
        self.timezone = timezone
        self.as_of = as_of
        self.known = known

    def events(self, row: Execution) -> list[Json]:
        """Of an execution and its nodes."""
        self.names.learn(row)
        found = [events.execution_event(row, self.place, self._parent(row))]
        nodes = self.api.nodes(*row.id.path)
        names = self.names.nodes(row)
        for node in nodes:
            key = node.id.node_id
            found.append(events.node_event(row, node, names.get(key, key), self.place))
        return [event for event in found if event is not None]

    def _parent(self, row: Execution) -> tuple[EntityName, ExecutionId] | None:
        metadata = row.spec.metadata
        node = metadata.parent_node_execution if metadata is not None else None
        key = node.execution_id if node is not None else None
        job = self.names.job(key) if key is not None and key.name else None
        return (self.place.job(job), key) if job is not None and key is not None else None


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
