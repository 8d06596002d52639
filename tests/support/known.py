"""What a hub would know of what an adapter told it, in memory: just enough to be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from hub.model import FINISHED_STATES, EntityName, RunState
from hub.ports import KnownRun, Observed, RunName

_STATES = {
    "OTHER": RunState.NEW,
    "START": RunState.RUNNING,
    "COMPLETE": RunState.COMPLETED,
    "FAIL": RunState.FAILED,
    "ABORT": RunState.ABORTED,
}


class Attempt(Struct):
    """The last word about an attempt: the facet's and the event's."""

    number: int
    run_id: UUID
    state: RunState = RunState.NEW
    own_state: str = ""
    at: datetime | None = None
    started_at: datetime | None = None
    will_retry: bool = False
    parent: str | None = None
    outputs: list[str] = []
    partition: str | None = None


class Memory:
    """Implements hub.ports.Known over the events it was given."""

    def __init__(self) -> None:
        self.attempts: dict[RunName, dict[int, Attempt]] = {}
        self.observations: list[Any] = []
        self.jobs: dict[str, Any] = {}
        self.new = 0
        self._seen: set[str] = set()

    def take(self, observed: Observed) -> None:
        self.observations += observed.observations
        self.new = 0
        for event in observed.events:
            raw = json.dumps(event, sort_keys=True)
            if raw not in self._seen:
                self._seen.add(raw)
                self.new += 1
                self._apply(event)

    def latest(self, name: RunName) -> Attempt | None:
        attempts = self.attempts.get(name)
        return attempts[max(attempts)] if attempts else None

    def open_runs(self, limit: int) -> list[KnownRun]:
        known = (self._known(name) for name in self.attempts)
        return [one for one in known if one.state not in FINISHED_STATES][:limit]

    def runs(self, names: Sequence[RunName]) -> Mapping[RunName, KnownRun]:
        return {name: self._known(name) for name in names if name in self.attempts}

    def _known(self, name: RunName) -> KnownRun:
        last = self.latest(name)
        assert last is not None
        state = RunState.RUNNING if last.will_retry else last.state
        return KnownRun(name, last.run_id.bytes, last.number, state, last.started_at)

    def _apply(self, event: dict[str, Any]) -> None:
        if "job" not in event:
            return
        job = EntityName(event["job"]["namespace"], event["job"]["name"])
        if "run" not in event:
            self.jobs.setdefault(job.name, []).append(event)
            return
        answer = event["run"]["facets"]["trackside_answer"]
        name = RunName(job, answer["naturalId"], answer.get("mapIndex", -1))
        number = answer.get("attempt", 0)
        fresh = Attempt(number, UUID(event["run"]["runId"]))
        attempt = self.attempts.setdefault(name, {}).setdefault(number, fresh)
        assert attempt.run_id == fresh.run_id, (name, number)
        state = _STATES[event["eventType"]]
        if attempt.state in FINISHED_STATES and state not in FINISHED_STATES:
            return
        attempt.state, attempt.own_state = state, answer["state"]
        attempt.at = datetime.fromisoformat(event["eventTime"])
        attempt.will_retry = answer.get("willRetry", False)
        attempt.parent = event["run"]["facets"].get("parent", {}).get("run", {}).get("runId")
        attempt.partition = answer.get("partition") or attempt.partition
        attempt.outputs = attempt.outputs or [d["name"] for d in event.get("outputs", [])]
        if "startedAt" in answer:
            attempt.started_at = datetime.fromisoformat(answer["startedAt"])
