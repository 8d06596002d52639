"""Runs that the hub believes open and no look brings: workflows that were deleted, and tasks that are
no longer part of theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from adapters.argo.events import deleted_event, runs_of
from adapters.argo.site import Site
from adapters.argo.wire import Workflow
from adapters.base.parts import Look
from hub.ports import Json, KnownRun

OPEN: Final = 5_000
#: Workflows that one round looks up.
ROUND: Final = 20


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs. state: `next`, where among them it goes on."""
    ours: defaultdict[str, list[KnownRun]] = defaultdict(list)
    for known in site.known.open_runs(OPEN):
        if known.name.job.namespace == site.place.namespace and _uid(known):
            ours[_uid(known)].append(known)
    first = state.get("next", 0) if state.get("next", 0) < len(ours) else 0
    found: list[Json] = []
    for uid in list(ours)[first : first + ROUND]:
        found += _one(site, uid, ours[uid])
    return Look(found, state={"next": first + ROUND})


def _one(site: Site, uid: str, held: Sequence[KnownRun]) -> list[Json]:
    """Of one workflow: all that it tells now, and an end of what is not part of it any more."""
    name = held[0].name
    kubernetes = name.job.name.partition("/")[0]
    row = site.api.workflow(kubernetes, name.natural_id.partition("/")[0], uid)
    there = {run.natural_id for run in runs_of(row, site.place)} if row is not None else set()
    gone = [known for known in held if known.name.natural_id not in there]
    return [*_told(site, row), *(_deleted(site, known) for known in gone)]


def _told(site: Site, row: Workflow | None) -> list[Json]:
    return [] if row is None else site.events([row])


def _deleted(site: Site, known: KnownRun) -> Json:
    name, run_id = known.name, UUID(bytes=known.run_id)
    return deleted_event(name.job, name.natural_id, run_id, known.attempt, site.as_of)


def _uid(known: KnownRun) -> str:
    """Of its workflow; "" for a run that is not Argo's."""
    parts = known.name.natural_id.split("/")
    return parts[1] if len(parts) in {2, 3} else ""
