"""Runs that the hub believes open: their ends that were missed, and those that were deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from adapters.dagster.events import Place, deleted_event
from adapters.dagster.graphql import GraphQL
from adapters.dagster.runs import by_ids
from adapters.dagster.wire import Run
from hub.ports import Json, KnownRun

#: Of Dagster's own run ids; those of steps are made of names.
_RANDOM = 4


def owner_of(known: KnownRun) -> str | None:
    """Dagster's id of the run, or of the run that the step is of; None if that isn't known."""
    natural = known.name.natural_id
    if natural != known.run_id.hex():
        return natural.partition("/")[0]
    uuid = UUID(bytes=known.run_id)
    return str(uuid) if uuid.version == _RANDOM else None


def reread(
    graphql: GraphQL,
    known: Sequence[KnownRun],
    seen: Collection[str],
    at: datetime,
    place: Place,
) -> tuple[list[Run], list[Json]]:
    """Rows of the runs that were not seen just now, and an end for those that are no more."""
    owners = {owner for one in known if (owner := owner_of(one)) and owner not in seen}
    rows = by_ids(graphql, sorted(owners))
    missing = owners - {run.run_id for run in rows}
    deleted = {run_id for run_id in sorted(missing) if not by_ids(graphql, [run_id])}
    ends = [
        deleted_event(
            str(UUID(bytes=one.run_id)), one.name.job.name, one.name.natural_id, at, place
        )
        for one in known
        if owner_of(one) in deleted and one.name.job.namespace == place.namespace
    ]
    return rows, ends
