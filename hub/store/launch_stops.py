"""What holds launches as a whole: the stop switch, and a restore that nobody has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from hub.store.holds import find_hold
from hub.store.tables import launch_stop
from hub.store.upsert import upsert
from hub.store.views import View

#: Stands for all orchestrators.
ALL: Final = ""


class Stop(View, frozen=True):
    """orchestrator: whose launches wait; "": those of all."""

    orchestrator: str
    at: datetime
    by: str
    why: str

    @property
    def reason(self) -> str:
        return f"launches were stopped by {self.by}" + (f": {self.why}" if self.why else "")


def list_stops(connection: Connection) -> list[Stop]:
    rows = connection.execute(select(launch_stop).order_by(launch_stop.c.orchestrator))
    return [Stop(row.orchestrator, row.at, row.by, row.why) for row in rows]


def stop(connection: Connection, orchestrator: str, by: str, why: str, now: datetime) -> Stop:
    """Its launches wait from now on; those of all if it is ""."""
    row = {"orchestrator": orchestrator, "at": now, "by": by, "why": why}
    upsert(connection, launch_stop, [row])
    return Stop(orchestrator, now, by, why)


def go(connection: Connection, orchestrator: str) -> bool:
    """What waited goes out; whether it had been stopped."""
    mine = launch_stop.c.orchestrator == orchestrator
    return bool(connection.execute(launch_stop.delete().where(mine)).rowcount)


class Brakes:
    """Why the launches of an orchestrator wait, if they do."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = reasons

    @property
    def all(self) -> str | None:
        return self.reasons.get(ALL)

    def of(self, orchestrator: str) -> str | None:
        return self.all or self.reasons.get(orchestrator)


def brakes(connection: Connection) -> Brakes:
    reasons = {one.orchestrator: one.reason for one in list_stops(connection)}
    if (hold := find_hold(connection)) is not None:
        reasons[ALL] = str(hold)
    return Brakes(reasons)
