"""Looks at an orchestrator one after the other, and what came of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hub.ports import Adapter
from tests.support.known import Attempt, Memory

Json = dict[str, Any]


class Watch:
    """A look each minute."""

    def __init__(self, adapter: Adapter, now: datetime) -> None:
        self.adapter, self.memory = adapter, Memory()
        self.cursor: Json = {}
        self.events: list[Json] = []
        self.more = False
        self._now = now

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            seen = self.adapter.observe(self.cursor, self._now, self.memory)
            self.memory.take(seen)
            self.cursor, self.events = seen.cursor, [*self.events, *seen.events]
            self.more = seen.more
            self._now += timedelta(seconds=60)

    def tries(self, job: str) -> dict[int, Attempt]:
        """Of the only run of a job."""
        (found,) = [held for name, held in self.memory.attempts.items() if name.job.name == job]
        return found

    def only(self, job: str) -> Attempt:
        """The only try of the only run of a job."""
        (found,) = self.tries(job).values()
        return found

    def event(self, job: str) -> Json:
        """The latest of a run of the job."""
        return next(e for e in reversed(self.events) if "run" in e and e["job"]["name"] == job)

    def facets(self, job: str) -> Json:
        found: Json = self.event(job)["run"]["facets"]
        return found
