"""Runs that the hub believes open and no pass brings: ends that were missed, and deletions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from adapters.base.parts import Look
from adapters.kubeflow.events import deleted_event, natural_id
from adapters.kubeflow.site import Site
from adapters.kubeflow.wire import Run
from hub.ports import Json, KnownRun

OPEN: Final = 5_000
#: Runs that one round looks up, each with a request.
ROUND: Final = 20


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs, with their tasks. state: `next`, where it goes on."""
    ours: defaultdict[str, list[KnownRun]] = defaultdict(list)
    for known in site.known.open_runs(OPEN):
        run_id = known.name.natural_id.partition("/")[0]
        if known.name.job.namespace == site.place.namespace and _is_uuid(run_id):
            ours[run_id].append(known)
    first = state.get("next", 0) if state.get("next", 0) < len(ours) else 0
    found: list[Json] = []
    for run_id in list(ours)[first : first + ROUND]:
        found += _one(site, run_id, ours[run_id])
    return Look(found, state={"next": first + ROUND})


def _one(site: Site, run_id: str, held: Sequence[KnownRun]) -> list[Json]:
    """All that the run tells now, and an end of what is not part of it any more."""
    row = site.api.run(run_id)
    there = _ids(row) if row is not None else set()
    gone = [known for known in held if known.name.natural_id not in there]
    told = site.events([row]) if row is not None else []
    return [*told, *(_deleted(site, known) for known in gone)]


def _ids(row: Run) -> set[str]:
    return {row.run_id, *(natural_id(row, task) for task in row.run_details.task_details)}


def _deleted(site: Site, known: KnownRun) -> Json:
    name, run_id = known.name, UUID(bytes=known.run_id)
    return deleted_event(name.job, name.natural_id, run_id, known.attempt, site.as_of)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
