"""Artifacts that have a key: what a run published, as a dataset that it wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from adapters.base.lineage import dataset
from adapters.base.parts import Look
from adapters.prefect.events import PREFECT
from adapters.prefect.site import Site, text_of, time_of
from adapters.prefect.wire import Artifact, FlowRun, TaskRun
from hub.model import EntityName
from hub.ports import Json

PATH: Final = "/artifacts/filter"
#: Of one look; what was published before the hub came is not read.
PAGES: Final = 5
LAG: Final = timedelta(seconds=60)
FIRST: Final = timedelta(hours=1)


def look(site: Site, state: Json) -> Look:
    """The newest first, until one is older than the last look. state: `since`."""
    since = time_of(state.get("since")) or site.as_of - FIRST
    found: list[Artifact] = []
    start = None
    for _ in range(PAGES):
        body = {
            "artifacts": {"key": {"exists_": True}},
            "sort": "CREATED_DESC",
            "offset": len(found),
        }
        rows, date = site.api.page(PATH, Artifact, body)
        start = start or date
        found += rows
        if len(rows) < site.api.rows or rows[-1].created < since:
            break
    fresh = [one for one in found if one.key and one.created >= since]
    return Look(_told(site, fresh), state={"since": text_of((start or site.as_of) - LAG)})


def _told(site: Site, rows: Sequence[Artifact]) -> list[Json]:
    """The runs, as they are told anyway, with what they published; of open ones later."""
    made: defaultdict[UUID, list[Artifact]] = defaultdict(list)
    for one in rows:
        if (writer := one.task_run_id or one.flow_run_id) is not None:
            made[writer].append(one)
    tasks = [one.task_run_id for one in rows if one.task_run_id]
    flows = [one.flow_run_id for one in rows if one.flow_run_id and not one.task_run_id]
    told: list[Json] = []
    for task in site.api.by_ids("/task_runs/filter", TaskRun, "task_runs", tasks):
        told += _with(site.task_events([task]), made[task.id], site)
    for flow in site.api.by_ids("/flow_runs/filter", FlowRun, "flow_runs", flows):
        told += _with(site.flow_events([flow]), made[flow.id], site)
    return told


def _with(events: Sequence[Json], made: Sequence[Artifact], site: Site) -> list[Json]:
    if not events:
        return []
    latest = {one.key or "": one for one in sorted(made, key=lambda one: one.created)}
    outputs = [_output(site, key, one) for key, one in sorted(latest.items())]
    return [{**events[-1], "outputs": outputs}]


def _output(site: Site, key: str, one: Artifact) -> Json:
    kind = {"datasetType": one.type or "artifact", "subType": "ARTIFACT"}
    facets = {"datasetType": PREFECT.facet("1-0-0/DatasetTypeDatasetFacet", **kind)}
    if one.description:
        facets["documentation"] = PREFECT.facet(
            "1-1-0/DocumentationDatasetFacet", description=one.description
        )
    io: Json = {}
    if one.type == "table" and (rows := _rows(one.data)) is not None:
        schema = "1-0-2/OutputStatisticsOutputDatasetFacet"
        io["outputStatistics"] = PREFECT.facet(schema, rowCount=rows)
    return dataset(EntityName(site.place.namespace, f"artifacts/{key}"), facets, outputFacets=io)


def _rows(data: Any) -> int | None:
    """Of a table, which is a list of rows, or columns by name."""
    try:
        table = msgspec.json.decode(data) if isinstance(data, str) else data
    except msgspec.DecodeError:
        return None
    if isinstance(table, dict):
        table = next(iter(table.values()), None)
    return len(table) if isinstance(table, list) else None
