"""What many jobs are meant to do next."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from hub.model import EntityName, Viewer
from hub.schedules.spans import soonest
from hub.store.reading import Page, Slice, decode_moment, encode_cursor
from hub.store.schedules import page_of_schedules, scheduled_jobs
from hub.store.types import MICROSECOND as _TICK
from hub.store.views import View

#: Jobs that one answer looks at, whatever becomes of them.
MOST_JOBS: Final = 500


class UpcomingSlotView(View, frozen=True):
    """A slot of a job that is due yet. `origin`: of its schedule, as there."""

    job: EntityName
    due_at: datetime
    nominal_at: datetime
    origin: str


class Asked(Struct, frozen=True):
    """Due from the one instant and before the other; of a team's jobs or a namespace's alone."""

    begin: datetime
    end: datetime
    team: str | None = None
    namespace: str | None = None


def list_upcoming(
    connection: Connection, viewer: Viewer, asked: Asked, page: Page
) -> Slice[UpcomingSlotView]:
    """Job by job, each one's in their order. A page may hold fewer than `limit`, and not be the last.

    `offset` is not heeded.
    """
    after, last = decode_moment(page.after) if page.after else (asked.begin, 0)
    jobs = scheduled_jobs(viewer, team=asked.team, space=asked.namespace)
    # The job with whose slots the page before did not end comes first again.
    first = Page(MOST_JOBS, after=encode_cursor(last - 1) if last else None)
    held = page_of_schedules(connection, jobs, first)
    found: list[UpcomingSlotView] = []
    for one in held.items:
        begin = after + _TICK if one.id == last else asked.begin
        room = page.limit - len(found)
        slots = soonest(one.span, begin - _TICK, asked.end - _TICK, room + 1)
        found += [
            UpcomingSlotView(one.job, slot.due_at, slot.nominal_at, one.origin)
            for slot in slots[:room]
        ]
        if len(slots) > room:
            shown = slots[room - 1].due_at if room else begin - _TICK
            return Slice(found, encode_cursor(shown, one.id))
    return Slice(found, encode_cursor(asked.end, held.items[-1].id) if held.next else None)
