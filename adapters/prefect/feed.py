"""The feed of events: assets that were materialized, and ends that a person marked otherwise."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from adapters.base.lineage import dataset, named_by
from adapters.base.parts import Look
from adapters.prefect.events import PREFECT
from adapters.prefect.site import Site, text_of, time_of
from adapters.prefect.wire import ENDED, Event, Events, FlowRun, TaskRun
from hub.ports import Json

PATH: Final = "/events/filter"
PAGE: Final = 50  # Prefect gives no more
PAGES: Final = 10
#: Events are stamped by whoever sends them, and come by themselves.
LAG: Final = timedelta(seconds=120)
_WRITTEN: Final = "prefect.asset.materialization.succeeded"
_FLOW_RUN, _TASK_RUN = "prefect.flow-run.", "prefect.task-run."


def written(site: Site, state: Json, history: timedelta) -> Look:
    """Assets that tasks have written, as outputs of these. state: `since`."""
    wanted = {"event": {"name": [_WRITTEN]}}
    return _read(site, state, site.as_of - history, wanted, lambda seen: _outputs(site, seen))


def marked(site: Site, state: Json, history: timedelta) -> Look:
    """Flow runs whose end a person has marked otherwise. state: `since`."""
    labels = {"prefect.state-type": sorted(ENDED)}
    wanted = {"event": {"prefix": [_FLOW_RUN]}, "resource": {"labels": labels}}
    return _read(site, state, site.as_of - history, wanted, lambda seen: _marked(site, seen))


def _read(
    site: Site,
    state: Json,
    first: datetime,
    wanted: Json,
    tell: Callable[[Sequence[Event]], list[Json]],
) -> Look:
    """Some pages, the oldest first."""
    since = time_of(state.get("since")) or first
    occurred = {"since": text_of(since), "until": text_of(site.as_of + timedelta(days=1))}
    body = {"filter": {**wanted, "occurred": occurred, "order": "ASC"}, "limit": PAGE}
    page = site.api.search(PATH, Events, body)
    seen = list(page.events)
    for _ in range(PAGES - 1):
        token = (page.next_page or "").partition("page-token=")[2]
        if not token:
            return Look(tell(seen), state={"since": text_of(site.as_of - LAG)})
        page = site.api.get(f"{PATH}/next?page-token={token}", Events)
        seen += page.events
    last = max((event.occurred for event in seen), default=since)
    return Look(tell(seen), state={"since": text_of(last)}, more=last > since)


# -- ends that were marked otherwise ---------------------------------------------------------------


def _marked(site: Site, seen: Sequence[Event]) -> list[Json]:
    """As they are now: an event says only that something happened."""
    ids = [_id(one.resource, _FLOW_RUN) for one in seen if _was_over(one)]
    known = [run_id for run_id in ids if run_id is not None]
    rows = site.api.by_ids("/flow_runs/filter", FlowRun, "flow_runs", known)
    return site.flow_events(rows)


def _was_over(event: Event) -> bool:
    before = event.payload.get("initial_state") if isinstance(event.payload, dict) else None
    return isinstance(before, dict) and before.get("type") in ENDED


# -- assets ----------------------------------------------------------------------------------------


def _outputs(site: Site, seen: Sequence[Event]) -> list[Json]:
    """The tasks, as they are told anyway, with what they wrote and what that was made of."""
    made: defaultdict[UUID, list[Event]] = defaultdict(list)
    for event in seen:
        writer = next(filter(None, (_id(one, _TASK_RUN) for one in event.related)), None)
        if writer is not None:
            made[writer].append(event)
    tasks = site.api.by_ids("/task_runs/filter", TaskRun, "task_runs", list(made))
    found: list[Json] = []
    for task in tasks:
        told = site.task_events([task])
        if told and told[-1]["eventType"] == "COMPLETE":
            found.append({**told[-1], **_lineage(site, made[task.id])})
    return found


def _lineage(site: Site, events: Sequence[Event]) -> Json:
    space = site.place.namespace
    outputs = {key: _asset(space, key, one) for one in events if (key := _key(one.resource))}
    read = {
        key
        for one in events
        for label in one.related
        if label.get("prefect.resource.role") == "asset" and (key := _key(label))
    }
    inputs = [dataset(named_by(key, space)) for key in sorted(read - set(outputs))]
    return {"inputs": inputs, "outputs": [outputs[key] for key in sorted(outputs)]}


def _asset(space: str, key: str, event: Event) -> Json:
    facets: dict[str, Json] = {}
    if isinstance(about := event.resource.get("prefect.asset.description"), str) and about:
        facets["documentation"] = PREFECT.facet(
            "1-1-0/DocumentationDatasetFacet", description=about
        )
    if owners := _owners(event.resource.get("prefect.asset.owners")):
        facets["ownership"] = PREFECT.owners("Dataset", owners)
    return dataset(named_by(key, space), facets)


def _owners(told: Any) -> list[str]:
    """A list, written as JSON."""
    try:
        found = json.loads(told) if isinstance(told, str) else []
    except ValueError:
        return []
    return [one for one in found if isinstance(one, str) and one] if isinstance(found, list) else []


def _key(labels: Json) -> str | None:
    key = labels.get("prefect.resource.id")
    return key if isinstance(key, str) and key else None


def _id(labels: Json, prefix: str) -> UUID | None:
    key = _key(labels) or ""
    try:
        return UUID(key.removeprefix(prefix)) if key.startswith(prefix) else None
    except ValueError:
        return None
