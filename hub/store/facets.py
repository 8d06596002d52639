"""Facets as they came in: of jobs and datasets as kept, of runs merged from their events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Connection, select

from hub.store.reading import among, newest_of_each, unpack
from hub.store.tables import dataset_facet, job_facet, lineage_event

#: A streaming run may send events for months: the newest of them say what holds.
EVENTS_PER_RUN = 50

Facets = dict[str, Raw]


class _RunPart(Struct, frozen=True):
    facets: Facets = {}


class _Event(Struct, frozen=True):
    run: _RunPart = _RunPart()


_EVENTS = select(
    lineage_event.c.run_id,
    lineage_event.c.event_time,
    lineage_event.c.id,
    lineage_event.c.payload,
)
_JOB_FACETS = select(job_facet.c.job_id, job_facet.c.name, job_facet.c.payload)
_DATASET_FACETS = select(dataset_facet.c.dataset_id, dataset_facet.c.name, dataset_facet.c.payload)


def facets_of_runs(connection: Connection, run_ids: list[int]) -> dict[int, Facets]:
    """The run facets of each run: later events win."""
    keys = newest_of_each(
        connection, lineage_event, "run_id", "event_time", run_ids, EVENTS_PER_RUN
    )
    rows = among(connection, _EVENTS, lineage_event.c.id, keys)
    found: dict[int, Facets] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row.event_time, row.id)):
        found[row.run_id].update(_run_facets(row.payload))
    return found


def _run_facets(payload: bytes) -> Facets:
    try:
        return msgspec.json.decode(unpack(payload), type=_Event).run.facets
    except msgspec.ValidationError:
        return {}  # a sloppy event: `run` or its facets are no objects


def facets_of_jobs(connection: Connection, job_ids: Iterable[int]) -> dict[int, Facets]:
    return _kept(among(connection, _JOB_FACETS, job_facet.c.job_id, job_ids))


def facets_of_datasets(connection: Connection, dataset_ids: Iterable[int]) -> dict[int, Facets]:
    return _kept(among(connection, _DATASET_FACETS, dataset_facet.c.dataset_id, dataset_ids))


def _kept(rows: Iterable[Any]) -> dict[int, Facets]:
    found: dict[int, Facets] = defaultdict(dict)
    for key, name, payload in rows:
        found[key][name] = Raw(unpack(payload))
    return found
