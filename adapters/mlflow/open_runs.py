"""Runs that the hub believes open and no pass brings: ends that were missed, and deletions."""

from __future__ import annotations

import re
from typing import Final

from adapters.base.parts import Look
from adapters.mlflow.events import deleted_event
from adapters.mlflow.site import Site
from hub.ports import Json

OPEN: Final = 5_000
ROUND: Final = 100
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs. state: `next`, where among them it goes on."""
    ours = {
        known.name.natural_id: known
        for known in site.known.open_runs(OPEN)
        if known.name.job.namespace == site.place.namespace
        and _RUN_ID.fullmatch(known.name.natural_id)
    }
    first = state.get("next", 0) if state.get("next", 0) < len(ours) else 0
    asked = list(ours)[first : first + ROUND]
    rows = site.by_id(asked) if site.experiments else {}
    found = site.run_events(list(rows.values()))
    gone = [run_id for run_id in asked if run_id not in rows]
    found += [deleted_event(ours[run_id].name.job, run_id, site.as_of) for run_id in gone]
    return Look(found, state={"next": first + ROUND})
