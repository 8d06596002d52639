"""Executions: those that have begun since the last look, and those that were open at it.

The list of pipelines tells of each when its last execution began, so that only those are asked for
executions that have new ones. These are read in the order in which they began.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import Struct

from adapters.base.parts import Look
from adapters.sagemaker.events import SAGEMAKER
from adapters.sagemaker.site import Site
from adapters.sagemaker.wire import Pipeline, moment
from hub.model import EntityName, WatermarkObserved
from hub.ports import Json

#: By so much the beginnings of executions may be out of order.
LAG_S: Final = 120
BEHIND: Final = timedelta(seconds=60)
#: Executions that one look asks for one by one; and of those that were open.
SINGLY: Final = 40
OPEN: Final = 20


class Held(Struct):
    """open: executions that have not ended, those not looked at longest first."""

    open: list[str]
    left: int = SINGLY


class Read(Struct):
    """Of a pipeline. until: its executions that began before are told, in seconds. seen: those told
    that began near then. last: when its last execution began, once all are told.
    """

    until: float
    seen: dict[str, float] = {}
    last: float = 0


def look(site: Site, state: Json, history: timedelta) -> Look:
    """state: `pipelines`, what was read of each, `open`, and `declared`, the pipelines that were told."""
    rows = sorted(site.api.pipelines(), key=lambda row: row.pipeline_name)
    start = site.api.date or site.as_of
    before, held = state.get("pipelines", {}), Held(list(state.get("open", ())))
    first = (site.as_of - history).timestamp()
    found = _open(site, held)
    kept: dict[str, Json] = {}
    behind = False
    for row in rows:
        now = Read(**before.get(row.pipeline_name, {"until": first}))
        if row.last_execution_time and row.last_execution_time != now.last:
            found += _new(site, row, now, held)
        behind |= bool(row.last_execution_time) and now.last != row.last_execution_time
        kept[row.pipeline_name] = {name: getattr(now, name) for name in now.__struct_fields__}
    told, declared = _declared(site, rows, state.get("declared", {}))
    mark = WatermarkObserved(complete_to=start - BEHIND, observed_at=site.as_of)
    after = {"pipelines": kept, "open": held.open, "declared": declared}
    return Look([*told, *found], [] if behind else [mark], after, more=behind)


def _open(site: Site, held: Held) -> list[Json]:
    found: list[Json] = []
    for arn in held.open[:OPEN]:
        found += _one(site, held, arn)
    return found


def _new(site: Site, row: Pipeline, now: Read, held: Held) -> list[Json]:
    """Moves on as far as the look may; `now.last` is set once nothing is left."""
    found: list[Json] = []
    for one in site.api.executions(row.pipeline_name, now.until - LAG_S, "Ascending"):
        arn = one.pipeline_execution_arn
        if arn in now.seen:
            continue
        if held.left <= 0:
            return found
        held.left -= 1
        found += _one(site, held, arn)
        now.until = max(now.until, one.start_time)
        now.seen = {key: at for key, at in now.seen.items() if at >= now.until - 2 * LAG_S}
        now.seen[arn] = one.start_time
    now.last = row.last_execution_time or 0
    return found


def _one(site: Site, held: Held, arn: str) -> list[Json]:
    row = site.api.execution(arn)
    held.open = [one for one in held.open if one != arn]
    if row is None:
        return site.deleted(arn)
    if not row.over:
        held.open.append(arn)
    return site.events(row)


def _declared(
    site: Site, rows: list[Pipeline], before: dict[str, str]
) -> tuple[list[Json], dict[str, str]]:
    """Pipelines as jobs, told when they are new or described anew."""
    now = {row.pipeline_name: row.pipeline_description for row in rows}
    return [
        _job(site, row) for row in rows if before.get(row.pipeline_name) != now[row.pipeline_name]
    ], now


def _job(site: Site, row: Pipeline) -> Json:
    facets = SAGEMAKER.job_facets("PIPELINE", about=row.pipeline_description or None)
    job = EntityName(site.namespace, row.pipeline_name)
    return SAGEMAKER.job_event(moment(row.creation_time) or site.as_of, job, facets)
