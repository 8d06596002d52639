"""Deployments: what they are, and when they are meant to run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from adapters.base.parts import Look
from adapters.prefect.events import PREFECT
from adapters.prefect.schedule import as_written, schedule_of
from adapters.prefect.site import Site, job_name
from adapters.prefect.wire import Deployment
from hub.model import Observation, Schedule, ScheduleObserved
from hub.ports import Json

PATH: Final = "/deployments/filter"
#: Pages of one round.
PAGES: Final = 25


def look(site: Site, state: Json) -> Look:
    """All deployments, told if anything changed. state: `print` of what was told, and `timed`, the
    jobs that have a schedule, to tell when one has none any more.
    """
    rows = _read(site)
    print_ = hashlib.blake2b(msgspec.json.encode(rows), digest_size=12).hexdigest()
    if print_ == state.get("print"):
        return Look(state=state)
    site.names.learn_flows(row.flow_id for row in rows)
    named = [(name, row) for row in rows if (name := _name(site, row)) is not None]
    events = [_event(site, name, row) for name, row in named]
    seen = [_seen(site, name, schedule_of(row)) for name, row in named]
    timed = sorted(one.job.name for one in seen if one.schedule.kind != "manual")
    gone = set(state.get("timed", [])) - {name for name, _ in named}
    ended: list[Observation] = [_seen(site, name, Schedule("manual")) for name in sorted(gone)]
    return Look(events, [*seen, *ended], {"print": print_, "timed": timed})


def _read(site: Site) -> list[Deployment]:
    """Each once: one that is made meanwhile moves the others."""
    found: dict[str, Deployment] = {}
    offset = 0
    for _ in range(PAGES):
        body = {"sort": "NAME_ASC", "offset": offset}
        rows, _date = site.api.page(PATH, Deployment, body)
        found |= {str(row.id): row for row in rows}
        offset += len(rows)
        if len(rows) < site.api.rows:
            break
    return [found[key] for key in sorted(found)]


def _name(site: Site, row: Deployment) -> str | None:
    flow = site.names.flow(row.flow_id)
    return None if flow is None else job_name(flow, row.name)


def _seen(site: Site, name: str, schedule: Schedule) -> ScheduleObserved:
    return ScheduleObserved(site.place.job(name), schedule, site.as_of)


def _event(site: Site, name: str, row: Deployment) -> Json:
    tags = {tag: tag for tag in row.tags}
    about = row.description if row.description not in (None, "None") else None
    facets = PREFECT.job_facets("DEPLOYMENT", tags=tags, about=about)
    facets["prefect_deployment"] = PREFECT.own_facet(
        "prefect_deployment", **dict(_told(row, list(as_written(row))))
    )
    return PREFECT.job_event(row.updated or site.as_of, site.place.job(name), facets)


def _told(row: Deployment, schedules: Sequence[str]) -> Iterator[tuple[str, object]]:
    yield "id", str(row.id)
    yield "schedules", schedules or None
    yield "parameters", row.parameters or None
    yield "version", row.version
    yield "entrypoint", row.entrypoint
    yield "workPool", row.work_pool_name
    yield "workQueue", row.work_queue_name
