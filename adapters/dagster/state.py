"""The cursor: what one look leaves for the next. Small, and never about single runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from adapters.dagster.runs import Pass
from adapters.dagster.wire import ENDED, Run
from hub.ports import Json

_REMEMBERED: Final = 50_000
#: An ended run's log may grow a little still.
_SETTLES_AFTER_S: Final = 15.0


class State(Struct, frozen=True):
    """Times in seconds since 1970.

    at: of the look. watermark: the latest update of a run that was seen. under_way: a pass over
    the runs that goes on. history: the first pass, over all that was before, which goes on beside
    those over what is new; history_read: it has ended. pulsed_at: when the deployment was asked for. loads: a print of the code whose inventory was taken. assets_from: how
    many of its assets are taken, None if all are. outside: assets that Dagster doesn't make.
    asked_at, declared: when schedules were asked for last, and a print of what they said.
    reported_to: up to when reports from outside are read. partitioned: assets with partitions, whose
    statuses are asked for from the one at partitions_from on; partitions_at: when they were last.
    backfills_to: up to when backfills that ended are told.
    """

    at: float = 0.0
    watermark: float | None = None
    under_way: Pass | None = None
    history: Pass | None = None
    history_read: bool = False
    pulsed_at: float = 0.0
    loads: str = ""
    assets_from: int | None = None
    outside: list[list[str]] = []
    partitioned: list[list[str]] = []
    partitions_from: int = 0
    partitions_at: float = 0.0
    asked_at: float = 0.0
    declared: str = ""
    reported_to: float | None = None
    backfills_to: float | None = None

    def cursor(self) -> Json:
        told: Json = msgspec.to_builtins(self)
        return told


def state_of(cursor: Json) -> State:
    """A cursor of another version's making means to begin anew, which repeats and loses nothing."""
    try:
        return msgspec.convert(cursor, State)
    except msgspec.ValidationError:
        return State()


class Settled:
    """Ended runs whose details the hub has, so that the overlap doesn't ask for them each time.

    Only a saving: what was read is settled once its cursor comes back, which says that it is
    durable; with another cursor all is read again.
    """

    def __init__(self) -> None:
        self._settled: OrderedDict[str, float] = OrderedDict()
        self._read: dict[str, float] = {}
        self._handed: Json | None = None

    def resume(self, cursor: Json) -> None:
        if cursor and cursor == self._handed:
            self._settled.update(self._read)
        else:
            self._settled.clear()
        self._read = {}
        while len(self._settled) > _REMEMBERED:
            self._settled.popitem(last=False)

    def unsettled(self, runs: Iterable[Run]) -> list[Run]:
        return [run for run in runs if self._settled.get(run.run_id) != (run.update_time or 0.0)]

    def read(self, runs: Iterable[Run], now: float) -> None:
        """The runs and their details have just been read."""
        for run in runs:
            if run.status in ENDED and now - (run.end_time or now) > _SETTLES_AFTER_S:
                self._read[run.run_id] = run.update_time or 0.0

    def hand(self, cursor: Json) -> Json:
        self._handed = cursor
        return cursor
