"""Runs within runs: the children of a run, the whole tree, and the attempts of one run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from hub.model import Viewer
from hub.store.reading import Page, Slice, among, cut, newest_first, uuid_text
from hub.store.runs import run_views, select_runs
from hub.store.tables import attempt, run
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
    mine = select_runs(viewer).where(run.c.parent_run_id == run_id)
    rows = connection.execute(newest_first(mine, page, run.c.sort_at, run.c.id)).all()
    kept, following = cut(rows, page, lambda row: (row.sort_at, row.id))
    total = connection.scalar(select(func.count()).where(run.c.parent_run_id == run_id))
    return Slice(run_views(connection, viewer, kept), following, total)


def tree_of(connection: Connection, viewer: Viewer, run_id: int, limit: int) -> Tree:
    """The whole tree a run belongs to, from its root down, at most `limit` runs."""
    level = [root_of(connection, run_id)]
    found: dict[int, int] = {}
    for depth in range(DEEPEST):
        fresh = [key for key in level if key not in found][: limit + 1 - len(found)]
        found.update(dict.fromkeys(fresh, depth))
        if not fresh or len(found) > limit:
            break
        children = select(run.c.id).order_by(run.c.sort_at, run.c.id).limit(limit + 1)
        level = [row.id for row in among(connection, children, run.c.parent_run_id, fresh)]
    truncated = len(found) > limit
    return Tree(_views(connection, viewer, dict(list(found.items())[:limit])), truncated)


def _views(connection: Connection, viewer: Viewer, depths: dict[int, int]) -> list[TreeRun]:
    rows = among(connection, select_runs(viewer), run.c.id, depths)
    views = zip(rows, run_views(connection, viewer, rows), strict=True)
    ordered = sorted(views, key=lambda pair: (depths[pair[0].id], pair[0].sort_at, pair[0].id))
    return [TreeRun(depths[row.id], view) for row, view in ordered]


def root_of(connection: Connection, run_id: int) -> int:
    """The topmost run above a run: as its events named it, else by its parents."""
    key = run_id
    for _ in range(DEEPEST):
        row = connection.execute(
            select(run.c.root_run_id, run.c.parent_run_id).where(run.c.id == key)
        ).first()
        above = row and (row.root_run_id or row.parent_run_id)
        if above is None or above in {key, run_id}:
            return key
        key = above
    return key


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
    )
