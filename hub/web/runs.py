"""One run: its attempts, what it is part of, what it read and wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import Query, Request
from msgspec import Raw, Struct
from starlette.responses import Response

from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, JobOfRun
from hub.errors import ConfigError, Unavailable
from hub.logs import mask
from hub.model import EntityName, RunState, Viewer
from hub.ports import Capability, RunName, adapters
from hub.store import hierarchy, jobs, runs
from hub.store.db import Connection
from hub.store.reading import Page
from hub.store.run_causes import run_causes
from hub.store.views import RunView
from hub.web import links
from hub.web.gantt import Bar, gantt
from hub.web.site import page, pages

router: Final = pages()

_MOST: Final = 300
_PAST: Final = 30
#: Of the end of a log.
_LINES: Final = 200


@router.get("/run")
def show_run(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    id: Annotated[UUID, Query()],  # noqa: A002
    other: Annotated[UUID | None, Query()] = None,
) -> Response:
    with hub.db.reading() as connection:
        key = runs.find_run(connection, eyes, id, job)
        view = runs.get_run(connection, eyes, id, job)
        tree = hierarchy.tree_of(connection, eyes, key, _MOST)
        past = runs.list_runs(connection, eyes, view.job, Page(_PAST)).items
        now = datetime.now(UTC)
        return page(
            request,
            "run.html",
            run=view,
            attempts=hierarchy.list_attempts(connection, key),
            tree=tree,
            facets=sorted(view.facets.items()),
            said=said_of(view.facets),
            why=run_causes(connection, eyes, key, now),
            chart=gantt(bars_of(tree, now)),
            past=[one for one in past if one.id != view.id],
            other=beside(view, past, other),
            has_log=_can_tell(hub, _owner(connection, eyes, view.job)),
        )


@router.get("/run-log")
def show_log(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    id: Annotated[UUID, Query()],  # noqa: A002
) -> Response:
    """The end of a run's log, which its orchestrator is asked for; a part of a page."""
    with hub.db.reading() as connection:
        runs.find_run(connection, eyes, id, job)
        view = runs.get_run(connection, eyes, id, job)
        owner = _owner(connection, eyes, view.job)
    tail, trouble = None, "its orchestrator can't be asked for logs"
    if owner is not None and _can_tell(hub, owner):
        name = RunName(view.job, view.natural_id, view.map_index)
        try:
            with hub.hands.hand(owner) as adapter:
                tail = adapter.log_tail(name, view.attempt, _LINES)
        except (Unavailable, ConfigError) as error:
            trouble = str(error)
    return page(request, "run_log.html", run=view, tail=tail, trouble=trouble, mask=mask)


class _Said(Struct):
    tail: str = ""


def said_of(facets: Mapping[str, Raw]) -> list[str]:
    """The last lines of what a run has said itself, as pings and wrapped commands tell it."""
    try:
        told = msgspec.json.decode(facets.get("trackside_log", b"{}"), type=_Said)
    except msgspec.MsgspecError:
        return []
    return told.tail.splitlines()[-_LINES:]


def _owner(connection: Connection, eyes: Viewer, job: EntityName) -> str | None:
    return jobs.get_job(connection, eyes, job).orchestrator


def _can_tell(hub: RunningHub, owner: str | None) -> bool:
    member = None if owner is None else hub.fleet.members.get(owner)
    return member is not None and Capability.LOG_TAIL in adapters.get(member.kind).capabilities


def bars_of(tree: hierarchy.Tree, now: datetime) -> list[Bar]:
    """Those of a tree's runs that have begun."""
    above = {one.run.parent_run_id for one in tree.runs}
    return [
        Bar(
            one.run.job.name
            if one.run.map_index < 0
            else f"{one.run.job.name} [{one.run.map_index}]",
            one.run.started_at,
            one.run.ended_at or now,
            one.run.state,
            links.run(one.run.id, one.run.job),
            one.depth,
            one.run.id not in above,
        )
        for one in tree.runs
        if one.run.started_at is not None
    ]


def beside(run: RunView, past: Sequence[RunView], asked: UUID | None) -> RunView | None:
    """What a run is compared with: what was asked for, else the one before it that completed."""
    if asked is not None:
        return next((one for one in past if one.id == str(asked)), None)
    earlier = [
        one
        for one in past
        if one.id != run.id and one.state == RunState.COMPLETED and one.created_at <= run.created_at
    ]
    return earlier[0] if earlier else None
