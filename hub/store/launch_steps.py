"""What was done about a launch, and why; of each the latest steps are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, insert, select

from hub.store.tables import launch_step
from hub.store.views import View

#: So many steps of a launch are kept, besides the first.
KEPT: Final = 50
_LONGEST: Final = 2000


class StepView(View, frozen=True):
    no: int
    at: datetime
    what: str
    reason: str


def note(connection: Connection, launch: int, what: str, reason: str, now: datetime) -> None:
    mine = launch_step.c.launch_id == launch
    last = connection.scalar(select(func.max(launch_step.c.no)).where(mine)) or 0
    told = {"launch_id": launch, "no": last + 1, "at": now}
    connection.execute(launch_step.insert().values(**told, what=what, reason=reason[:_LONGEST]))
    old = (launch_step.c.no > 1, launch_step.c.no <= last + 1 - KEPT)
    if last >= KEPT:
        connection.execute(launch_step.delete().where(mine, *old))


def note_first(connection: Connection, told: Sequence[tuple[int, str, str]], now: datetime) -> None:
    """The first step of launches that have none yet: launch, what, reason."""
    rows = [
        {"launch_id": launch, "no": 1, "at": now, "what": what, "reason": reason[:_LONGEST]}
        for launch, what, reason in told
    ]
    if rows:
        connection.execute(insert(launch_step), rows)


def list_steps(connection: Connection, launch: int) -> list[StepView]:
    """The first one first."""
    mine = select(launch_step).where(launch_step.c.launch_id == launch)
    rows = connection.execute(mine.order_by(launch_step.c.no))
    return [StepView(row.no, row.at, row.what, row.reason) for row in rows]
