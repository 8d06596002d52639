"""What every part of a look needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from adapters.metaflow.api import Api
from adapters.metaflow.config import Config
from adapters.metaflow.events import Place
from adapters.metaflow.tries import Done
from adapters.metaflow.wire import Artifact, Run, beat_ms


class Site:
    """One look at one metadata service."""

    def __init__(self, api: Api, config: Config, place: Place, as_of: datetime) -> None:
        self.api = api
        self.config = config
        self.place = place
        self.as_of = as_of

    def flows(self) -> list[str]:
        found = (one.flow_id for one in self.api.flows())
        return sorted(name for name in found if _any(name, self.config.flows))

    def runs(self, flow: str) -> list[Run]:
        """All, the oldest first."""
        return sorted(self.api.runs(flow), key=lambda run: (run.ts_epoch, run.id))

    def artifacts(self, flow: str, run: Run, done: Done) -> Sequence[Artifact]:
        """Of the last task of a run, those that are looked at: it still has those of all others."""
        end, wanted = done.end, self.config.artifacts
        if end is None or not wanted:
            return ()
        rows = self.api.artifacts(flow, run.id, end.step, end.id)
        latest = {row.name: row for row in sorted(rows, key=lambda row: row.attempt_id)}
        return [one for name, one in sorted(latest.items()) if _any(f"{flow}/{name}", wanted)]

    def last_beat_ms(self, flow: str, run: Run, done: Done) -> int:
        """The latest heartbeat of the run, or of its tasks where it has none itself."""
        if run.last_heartbeat_ts:
            return beat_ms(run.last_heartbeat_ts)
        rows = (row for step in done.open_steps for row in self.api.tasks(flow, run.id, step))
        return max((beat_ms(row.last_heartbeat_ts) for row in rows), default=0)


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
