"""Runs within runs: the children of a run, the whole tree, and the attempts of one run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from hub.model import Viewer
from hub.store.reading import Page, Slice, among, cut, job_seen, newest_first, uuid_text
from hub.store.runs import run_views, run_views_by_id, select_runs
from hub.store.tables import attempt, job, run
from hub.store.views import RunView, View

#: A tree deeper than any orchestrator nests; it bounds a walk through a cycle of parents.
DEEPEST = 20


class AttemptView(View, frozen=True):
    """One try of a run; its id is the run id its events carried."""

    id: str | None
    number: int
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    will_retry: bool
    error_class: str | None
    error_message: str | None
    external_url: str | None
    own_state: str | None
    queued_at: datetime | None


class TreeRun(View, frozen=True):
    """A run of a tree; `depth` 0 is the root."""

    depth: int
    run: RunView


class Tree(View, frozen=True):
    """Runs level by level; `truncated`: there are more than were asked for."""

    runs: list[TreeRun]
    truncated: bool


def list_attempts(connection: Connection, run_id: int) -> list[AttemptView]:
    """The attempts of a run, the latest first. Whoever asks may see the run."""
    mine = select(attempt).where(attempt.c.run_id == run_id)
    ordered = mine.order_by(attempt.c.no.desc(), attempt.c.first_at.desc(), attempt.c.id.desc())
    return [_attempt(row) for row in connection.execute(ordered)]


def list_children(
    connection: Connection, viewer: Viewer, run_id: int, page: Page
) -> Slice[RunView]:
    """The runs directly within a run, the latest first."""
    theirs = run.join(job, job.c.id == run.c.job_id)
    conditions = (run.c.parent_run_id == run_id, job_seen(viewer))
    mine = select(run.c.id, run.c.sort_at).select_from(theirs).where(*conditions)
    rows = connection.execute(newest_first(mine, page, run.c.sort_at, run.c.id)).all()
    kept, following = cut(rows, page, lambda row: (row.sort_at, row.id))
    views = run_views_by_id(connection, viewer, [row.id for row in kept])
    total = connection.scalar(select(func.count()).select_from(theirs).where(*conditions))
    return Slice([views[row.id] for row in kept], following, total)


def tree_of(connection: Connection, viewer: Viewer, run_id: int, limit: int) -> Tree:
    """The whole tree a run belongs to, from its root down, at most `limit` runs.

    The run itself and what stands above it come before all others, also where one of them never
    said where it belongs.
    """
    path = _path_to(connection, run_id)
    found = {key: depth for depth, key in reversed(list(enumerate(path)))}
    found |= _below(connection, path, limit)
    return Tree(_views(connection, viewer, dict(list(found.items())[:limit])), len(found) > limit)


def _below(connection: Connection, path: list[int], limit: int) -> dict[int, int]:
    """The runs level by level with their depths; each run of the path is in the next level."""
    level = path[:1]
    found: dict[int, int] = {}
    children = select(run.c.id).order_by(run.c.sort_at, run.c.id).limit(limit + 1)
    for depth in range(DEEPEST):
        fresh = [key for key in level if key not in found][: limit + 1 - len(found)]
        found.update(dict.fromkeys(fresh, depth))
        if not fresh or len(found) > limit:
            break
        level = [row.id for row in among(connection, children, run.c.parent_run_id, fresh)]
        level = [*path[depth + 1 : depth + 2], *level]
    return found


def _views(connection: Connection, viewer: Viewer, depths: dict[int, int]) -> list[TreeRun]:
    rows = among(connection, select_runs(viewer), run.c.id, depths)
    views = zip(rows, run_views(connection, viewer, rows), strict=True)
    ordered = sorted(views, key=lambda pair: (depths[pair[0].id], pair[0].sort_at, pair[0].id))
    return [TreeRun(depths[row.id], view) for row, view in ordered]


def _path_to(connection: Connection, run_id: int) -> list[int]:
    """The runs from the topmost one above a run down to it.

    By parents; a topmost parent that doesn't say where it belongs hangs under the root that those
    below it name.
    """
    path, root = [run_id], None
    parents = select(run.c.parent_run_id, run.c.root_run_id)
    while len(path) <= DEEPEST:
        row = connection.execute(parents.where(run.c.id == path[-1])).first()
        root = (row and row.root_run_id) or root
        above = (row and row.parent_run_id) or root
        if above is None or above in path:
            break
        path.append(above)
    return path[::-1]


def _attempt(row: Row[Any]) -> AttemptView:
    return AttemptView(
        uuid_text(row.uuid),
        row.no,
        row.state,
        row.started_at,
        row.ended_at,
        row.will_retry,
        row.error_class,
        row.error_message,
        row.external_url,
        row.own_state,
        row.queued_at,
    )
