"""What every part of a look needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.flink.api import Api
from adapters.flink.events import Place
from adapters.flink.wire import Job
from hub.ports import Known


class Site:
    """One look at one Flink. jobs: all that it knows, once they are read."""

    def __init__(self, api: Api, place: Place, as_of: datetime, known: Known) -> None:
        self.api = api
        self.place = place
        self.as_of = as_of
        self.known = known
        self.jobs: Sequence[Job] = ()


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
