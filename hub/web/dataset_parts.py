"""What the page of a dataset shows besides its own row."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import yaml
from markupsafe import Markup
from msgspec import Struct

from hub.gates import GateAnswer, GateSpec
from hub.model import EntityName, Viewer
from hub.schedules.grids import PartitionStatus
from hub.schedules.zones import wall_of, zone_of
from hub.store import jobs
from hub.store.db import Connection
from hub.store.gates import gate_answers
from hub.store.lineage import Way, walk
from hub.store.partition_pages import PartitionsView, page_of_grid
from hub.store.partition_status import Wanted, dataset_grid
from hub.store.quality import FreshnessView, UpdateView
from hub.store.reading import Page
from hub.store.views import JobView
from hub.web import grid, links
from hub.web.charts import Amount, line
from hub.web.words import number, size

#: Jobs on each side, and partitions that are told one by one.
_NEAR: Final = 200
_TOLD: Final = 12
_OPEN: Final = (PartitionStatus.FAILED, PartitionStatus.MISSING, PartitionStatus.STALE)
_WEEK: Final = timedelta(days=7)


class Partitions(Struct, frozen=True):
    """The picture, how many stand how, those that are not as they should be, and the range that a
    backfill of the last seven days would have.
    """

    picture: Markup
    counts: dict[PartitionStatus, int]
    wrong: PartitionsView
    truncated: bool
    first: date
    last: date


def partitions_of(
    connection: Connection, eyes: Viewer, key: int, now: datetime
) -> Partitions | None:
    """None where nobody has told of any."""
    found = dataset_grid(connection, eyes, key, Wanted(now))
    if not found.cells:
        return None
    today = wall_of(now, zone_of(found.layout.timezone)).date()
    return Partitions(
        grid.drawn(found.cells, found.layout),
        found.counts,
        page_of_grid(connection, eyes, found, Page(_TOLD), _OPEN),
        found.truncated,
        today - _WEEK,
        today,
    )


def gate_of(connection: Connection, eyes: Viewer, key: int, now: datetime) -> GateAnswer:
    """Whether it is good to publish, by all that is usually asked."""
    return gate_answers(connection, [(key, "", GateSpec())], now, eyes)[0]


class Freshness(Struct, frozen=True):
    """age_s: since its latest update. late: whether it is older than it may get; None: unknown."""

    policy: FreshnessView
    age_s: float | None
    late: bool | None
    told: str


def freshness_told(
    policy: FreshnessView | None, gate: GateAnswer, updated_at: datetime | None, now: datetime
) -> Freshness | None:
    """None where nobody has declared how old it may get."""
    if policy is None:
        return None
    part = next((one for one in gate.parts if one.name == "policy"), None)
    passed = None if part is None else part.passed
    age = None if updated_at is None else max(0.0, (now - updated_at).total_seconds())
    late = None if passed is None else not passed
    return Freshness(policy, age, late, "" if part is None else part.reason)


def freshness_rule(name: EntityName) -> str:
    """The lines of trackside.yaml that would say how old this one may get: a day, to begin with."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.name.lower()).strip("-")[-50:].strip("-")
    rule = {
        "name": f"fresh-{slug}".rstrip("-"),
        "kind": "freshness",
        "select": {"namespace": glob.escape(name.namespace), "name": glob.escape(name.name)},
        "settings": {"max_lag_s": 86_400},
    }
    told: str = yaml.safe_dump({"rules": [rule]}, sort_keys=False, allow_unicode=True, width=1000)
    return told


def charts_of(updates: Sequence[UpdateView]) -> list[tuple[str, Markup]]:
    """Of its updates the rows and bytes over time, as far as they were told."""
    amounts = [
        ("Rows", number, [(one, one.rows) for one in updates if one.rows is not None]),
        ("Size", size, [(one, one.bytes) for one in updates if one.bytes is not None]),
    ]
    return [
        (name, line([_amount(one, value) for one, value in found], wording, f"{name} over time"))
        for name, wording, found in amounts
        if found
    ]


def _amount(one: UpdateView, value: int) -> Amount:
    href = None if one.run_id is None else links.run(one.run_id)
    return Amount(one.at, value, href, one.partition or "")


Teams = list[tuple[str, list[JobView]]]


def jobs_by_team(connection: Connection, eyes: Viewer, key: int, way: Way) -> Teams:
    """The jobs one step away, by the team they are of; those of none last."""
    near = walk(connection, eyes, dataset_id=key, way=way, depth=0, limit=_NEAR).jobs
    found: dict[str, list[JobView]] = defaultdict(list)
    for one in jobs.job_views_by_id(connection, eyes, near).values():
        found[one.team or ""].append(one)
    return [
        (team, sorted(found[team], key=lambda one: one.id))
        for team in sorted(found, key=lambda name: (not name, name))
    ]
