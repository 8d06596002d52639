"""Launches that an orchestrator fetches itself: leased to it until it says what became of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

from hub.errors import Conflict, NotFound, Unavailable
from hub.ports import Launched, LaunchRequest, LeasedLaunch, launch_run_id
from hub.store import launches as store
from hub.store.db import Connection
from hub.triggers.asking import request_of
from hub.triggers.grants import Grants
from hub.triggers.launching import Figures, Transactions
from hub.triggers.patience import again_at

#: How long a launch is leased to whom fetches it, if it does not ask for another time.
LEASE_S: Final = 60.0
LONGEST_LEASE_S: Final = 3600.0

Fetched = tuple[LeasedLaunch, LaunchRequest]


class Pulling:
    def __init__(
        self,
        doing: Transactions,
        grants: Grants,
        figures: Figures,
        *,
        per_hour: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._doing = doing
        self._grants = grants
        self._figures = figures
        self._limits = store.Limits(per_hour)
        self._clock = clock

    def fetch(
        self, orchestrator: str, hold_s: float, *, every: bool, jobs: Collection[str] = ()
    ) -> Fetched | None:
        """The next launch of an orchestrator, its own for so long; None: there is none.

        every: it fetches all its launches, not only those that say so. jobs: names of jobs, of
        which alone it wants launches; none: of all.
        """
        now = self._clock()
        next_of = partial(store.next_of, orchestrator=orchestrator, now=now, every=every, jobs=jobs)
        for key in self._doing.read(next_of):
            found = self._doing.write(partial(self._lease, key, now, hold_s))
            if found is not None:
                return found
        return None

    def _lease(
        self, key: int, now: datetime, hold_s: float, connection: Connection
    ) -> Fetched | None:
        for one in store.lease(connection, [key], now, hold_s, self._limits):
            why_not, request = request_of(connection, self._grants.within(connection), one)
            if why_not is None:
                return one, request
            store.refused(connection, one.id, one.token, why_not, now)
            self._count(one.orchestrator, one.id, "refused")
        return None

    def ack(self, orchestrator: str, launch: int, token: str, natural_id: str | None) -> None:
        """It was started, as the run of that natural id, else with the run id that was proposed.
        Also after its lease has ended, for then it was, too.
        """

        def keep(connection: Connection) -> None:
            held = self._fetched(connection, orchestrator, launch)
            proposed = UUID(launch_run_id(held.key)).hex
            found = Launched(held.key, natural_id or proposed)
            store.launched(connection, launch, token, found, self._clock())

        self._doing.write(keep)
        self._count(orchestrator, launch, "launched")

    def nack(self, orchestrator: str, launch: int, token: str, error: Unavailable) -> None:
        """The engine can't start it now, or at all if the error is permanent."""
        chance = random.random()  # noqa: S311  spreads load, guards nothing
        now = self._clock()

        def keep(connection: Connection) -> str:
            held = self._fetched(connection, orchestrator, launch)
            at = again_at(held, error, now, chance)
            if not store.failed(connection, launch, token, str(error), at, now):
                raise Conflict(f"launch {launch} is not leased with this token any more")
            return "dead" if at is None else "failed"

        self._count(orchestrator, launch, self._doing.write(keep))

    def _fetched(self, connection: Connection, orchestrator: str, launch: int) -> LeasedLaunch:
        held = store.find_leased(connection, launch)
        if held is None or held.orchestrator != orchestrator:
            raise NotFound(f"No launch '{launch}' was fetched for {orchestrator}.")
        return held

    def _count(self, orchestrator: str, launch: int, result: str) -> None:
        self._figures.launch_ended(orchestrator, result=result, seconds=0.0, launch=launch)
