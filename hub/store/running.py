"""What runs now."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection

from hub.model import RunState, Viewer
from hub.store import facts
from hub.store.reading import without_index
from hub.store.runs import brief_views, select_runs_in_brief
from hub.store.tables import run
from hub.store.views import RunView


class Running(Struct, frozen=True):
    """A run, how long its job usually takes, and from when on it is too long; in seconds.

    None: that is not known yet.
    """

    run: RunView
    usual_s: float | None
    limit_s: float | None


def list_running(connection: Connection, viewer: Viewer, limit: int) -> list[Running]:
    """Runs that are no part of another one, those that began last first."""
    # Few runs are open, and nearly all are no part of another one: the index is that of open ones.
    apart = without_index(connection, run.c.parent_run_id).is_(None)
    mine = select_runs_in_brief(viewer).where(
        run.c.ended_at.is_(None), run.c.state == RunState.RUNNING, apart
    )
    ordered = mine.order_by(run.c.started_at.desc(), run.c.id.desc()).limit(limit)
    rows = connection.execute(ordered).all()
    views = brief_views(rows)
    starts = [one.started_at for one in views if one.started_at is not None]
    now = max(starts, default=None)
    known = {} if now is None else facts.baselines(connection, {r.job_id for r in rows}, now)
    return [_with(one, known.get(row.job_id)) for row, one in zip(rows, views, strict=True)]


def _with(one: RunView, learned: facts.Learned | None) -> Running:
    at = one.nominal_start_time or one.started_at
    if learned is None or learned.value is None or at is None:
        return Running(one, None, None)
    return Running(one, learned.value.expected(at), learned.value.limit(at))
