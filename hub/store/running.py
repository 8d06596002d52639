"""What runs now."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.model import RunState, Viewer
from hub.store.runs import brief_views, select_runs_in_brief
from hub.store.tables import run
from hub.store.views import RunView


def list_running(connection: Connection, viewer: Viewer, limit: int) -> list[RunView]:
    """Runs that are no part of another one, those that run longest first."""
    mine = select_runs_in_brief(viewer).where(
        run.c.ended_at.is_(None), run.c.state == RunState.RUNNING, run.c.parent_run_id.is_(None)
    )
    return brief_views(connection.execute(mine.order_by(run.c.started_at, run.c.id).limit(limit)))
