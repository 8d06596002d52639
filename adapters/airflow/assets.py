"""Assets (datasets in Airflow 2): which tasks write and read them, and when they were written.

Named as the converters of Airflow's providers name them, and only where they are certain: file,
postgres, s3, gs. This also shows what a task can't send because the provider of that scheme is not
installed where it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from adapters.airflow import events, ids
from adapters.airflow.api import ROWS
from adapters.airflow.events import stamp
from adapters.airflow.runs import LAG
from adapters.airflow.site import Site, text_of, time_of
from adapters.airflow.wire import (
    Asset,
    AssetEvent,
    AssetEvents,
    Assets,
    TaskInstance,
    TaskInstances,
)
from adapters.base.lineage import dataset_of
from adapters.base.parts import Look
from hub.model import EntityName
from hub.ports import Json, RunName


class _Written(Struct, frozen=True):
    """What an asset event is of."""

    name: EntityName
    partition: str | None


def look(site: Site, state: Json) -> Look:
    """One page of the assets: what tasks are declared to read and write. state: `offset`."""
    offset = state.get("offset", 0)
    path = "/datasets" if site.api.is_old else "/assets"
    params = {"order_by": "id", "limit": ROWS, "offset": offset}
    page = site.api.get(path, Assets, params)
    rows = [*page.assets, *page.datasets]
    found = [event for asset in rows for event in _declared(site, asset)]
    following = offset + len(rows)
    if rows and following < page.total_entries:
        return Look(found, state={"offset": following}, soon=True)
    return Look(found, state={"offset": 0})


def _declared(site: Site, asset: Asset) -> list[Json]:
    name = dataset_of(asset.uri)
    if name is None:
        return []
    at = asset.updated_at or site.as_of
    jobs = [(f"{of.dag_id}.{of.task_id}", True) for of in asset.producing_tasks]
    jobs += [(f"{of.dag_id}.{of.task_id}", False) for of in asset.consuming_tasks]
    return [
        events.job_event(
            EntityName(site.namespace, job),
            at,
            {},
            inputs=() if written else [name],
            outputs=[name] if written else (),
        )
        for job, written in jobs
    ]


def written(site: Site, state: Json, history: timedelta) -> Look:
    """Asset events: the run that made one, with its outputs.

    state: `since`, `offset` of the page, `start` of the round. Events that somebody posted have no
    run and are not told: OpenLineage has no word for them.
    """
    since = state.get("since") or text_of(site.as_of - history)
    offset = state.get("offset", 0)
    first = time_of(since) or site.as_of
    path = "/datasets/events" if site.api.is_old else "/assets/events"
    params = {"limit": ROWS, "offset": offset, **_since(site, first)}
    answer = site.api.ask("GET", path, params=params)
    page = site.api.read(answer, path, AssetEvents)
    rows = [*page.asset_events, *page.dataset_events]
    mine = [row for row in rows if row.timestamp >= first]
    found = _runs(site, mine)
    start = state.get("start") or text_of(answer.date or site.as_of)
    following = offset + len(rows)
    if rows and len(mine) == len(rows) and following < page.total_entries:
        return Look(found, state={"since": since, "start": start, "offset": following}, more=True)
    return Look(found, state={"since": text_of((time_of(start) or site.as_of) - LAG)})


def _since(site: Site, first: datetime) -> Json:
    """Airflow 2 has no such filter: there the newest come first, until one is too old."""
    if site.api.is_old:
        return {"order_by": "-timestamp"}
    return {"order_by": "timestamp", "timestamp_gte": stamp(first)}


def _runs(site: Site, rows: Sequence[AssetEvent]) -> list[Json]:
    made: dict[RunName, list[_Written]] = {}
    for row in rows:
        name = dataset_of(row.uri or row.dataset_uri or "")
        if name is not None and row.source_dag_id and row.source_run_id and row.source_task_id:
            job = EntityName(site.namespace, f"{row.source_dag_id}.{row.source_task_id}")
            index = -1 if row.source_map_index is None else row.source_map_index
            one = _Written(name, row.partition_key)
            made.setdefault(RunName(job, row.source_run_id, index), []).append(one)
    return _with_outputs(site, _tasks(site, rows) if made else [], made)


def _tasks(site: Site, rows: Sequence[AssetEvent]) -> Sequence[TaskInstance]:
    body: dict[str, object] = {
        "dag_ids": sorted({row.source_dag_id for row in rows if row.source_dag_id}),
        "dag_run_ids": sorted({row.source_run_id for row in rows if row.source_run_id}),
        "task_ids": sorted({row.source_task_id for row in rows if row.source_task_id}),
        "state": ["success"],
        "page_limit": 1000,
    }
    path = "/dags/~/dagRuns/~/taskInstances/list"
    return site.api.search(path, TaskInstances, body).task_instances


def _with_outputs(
    site: Site, rows: Sequence[TaskInstance], made: Mapping[RunName, Sequence[_Written]]
) -> list[Json]:
    mine = [row for row in rows if ids.task_name(site.namespace, row) in made]
    parents = site.parents(mine)
    found = []
    for row in mine:
        parent = parents[ids.dag_run_name(site.namespace, row)]
        told = made[ids.task_name(site.namespace, row)]
        names, keys = sorted({one.name for one in told}), {one.partition for one in told}
        key = keys.pop() if len(keys) == 1 else None
        found.append(events.task_event(site.place, row, parent, outputs=names, partition=key))
    return [event for event in found if event is not None]
