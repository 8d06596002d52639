"""The follow loop: what became of the runs that were launched, and whether one is run again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from hub.model import ChangeKind
from hub.store import launch_runs
from hub.store.changes import Places
from hub.store.cursors import Change, read_changes, save_places, start_at_end
from hub.store.db import Connection
from hub.store.launch_effects import link_runs
from hub.store.launches import ask
from hub.store.leases import Fence
from hub.triggers.reruns import Reruns

T = TypeVar("T")

#: Reads the changes under this name.
READER: Final = "launch"
CHANGES: Final = 1000
LOOKS: Final = 200
_OF_RUNS: Final = frozenset(
    {
        ChangeKind.RUN_STARTED,
        ChangeKind.RUN_COMPLETED,
        ChangeKind.RUN_FAILED,
        ChangeKind.RUN_ABORTED,
    }
)


class _Found(Struct, frozen=True):
    """What a round has read: runs that moved, those of them that failed, launches to look after."""

    places: Places
    moved: set[int]
    failed: set[int]
    looks: list[int]
    more: bool

    @property
    def idle(self) -> bool:
        return not self.places and not self.looks


class Transactions(Protocol):
    def read(self, function: Callable[[Connection], T]) -> T: ...

    def write(self, function: Callable[[Connection], T], fence: Fence) -> T: ...


class Following:
    def __init__(self, doing: Transactions, reruns: Reruns) -> None:
        self._doing = doing
        self._reruns = reruns
        self._begun = False

    def round(self, now: datetime, fence: Fence) -> bool:
        """Reads on in the changes; True if more is left."""
        if not self._begun:
            # What was before anybody read is history.
            self._doing.write(lambda it: start_at_end(it, READER), fence)
            self._begun = True
        found = self._doing.read(lambda it: self._read(it, now))
        if found.idle:
            return False
        self._doing.write(lambda it: self._keep(it, found, now), fence)
        return found.more

    def _read(self, connection: Connection, now: datetime) -> _Found:
        changes, places = read_changes(connection, READER, CHANGES)
        ended = _runs_of(changes, ChangeKind.RUN_FAILED)
        moved = _runs_of(changes, *_OF_RUNS) if launch_runs.any_launched(connection) else set()
        looks = launch_runs.due_looks(connection, now, LOOKS)
        more = len(changes) >= CHANGES or len(looks) >= LOOKS
        return _Found(places, moved, ended, looks, more)

    def _keep(self, connection: Connection, found: _Found, now: datetime) -> None:
        launch_runs.keep(connection, launch_runs.met_by_runs(connection, found.moved), now)
        link_runs(connection, found.moved)
        launch_runs.look(connection, found.looks, now)
        ask(connection, self._reruns.of(connection, found.failed, now), now)
        save_places(connection, READER, found.places)


def _runs_of(changes: list[Change], *kinds: ChangeKind) -> set[int]:
    return {one.run_id for one in changes if one.kind in kinds and one.run_id is not None}
