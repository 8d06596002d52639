"""Runs that the hub believes open and no pass brings: ends that were missed, and what is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from adapters.base.parts import Look
from adapters.flyte.events import deleted_event
from adapters.flyte.site import Site
from hub.ports import Json, KnownRun

OPEN: Final = 5_000
#: Executions that one round looks up.
ROUND: Final = 10


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs, with their nodes. state: `next`, where it goes on."""
    ours: defaultdict[tuple[str, str, str], list[KnownRun]] = defaultdict(list)
    for known in site.known.open_runs(OPEN):
        parts = known.name.job.name.split("/", 2)
        if known.name.job.namespace == site.place.namespace and "/".join(parts[:2]) in site.places:
            name = known.name.natural_id.partition("/")[0]
            ours[parts[0], parts[1], name].append(known)
    first = state.get("next", 0) if state.get("next", 0) < len(ours) else 0
    found: list[Json] = []
    for key in list(ours)[first : first + ROUND]:
        found += _one(site, key, ours[key])
    return Look(found, state={"next": first + ROUND})


def _one(site: Site, key: tuple[str, str, str], held: Sequence[KnownRun]) -> list[Json]:
    row = site.api.execution(*key)
    return site.events(row) if row is not None else [_deleted(site, known) for known in held]


def _deleted(site: Site, known: KnownRun) -> Json:
    name, key = known.name, UUID(bytes=known.run_id)
    return deleted_event(name.job, name.natural_id, key, known.attempt, site.as_of)
