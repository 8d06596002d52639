"""When what is downstream of an incident will breach, kept with what is downstream of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Column, Connection, select

from hub.model import EntityName, Viewer
from hub.store.impact import Breach, Impact, Predicted
from hub.store.reading import among, dataset_seen, job_seen, json_list
from hub.store.tables import dataset, incident, job, namespace
from hub.store.views import View


class OpenRoot(Struct, frozen=True):
    """An open incident that no other causes, on a job, a dataset or an orchestrator."""

    id: int
    kind: str
    job_id: int | None
    dataset_id: int | None
    orchestrator_id: int | None
    since: datetime
    jobs: list[int]
    datasets: list[int]


#: No more open incidents than these are looked at.
MOST: Final = 1000
#: Breaches that are shown together.
_SHOWN: Final = 20


def open_roots(connection: Connection, kinds: frozenset[str]) -> list[int]:
    """Those of these kinds whose blast radius is known, the latest first."""
    mine = incident.c
    statement = select(mine.id).where(
        mine.resolved_at.is_(None),
        mine.parent_id.is_(None),
        mine.dry_run.is_(False),
        mine.impact.is_not(None),
        mine.kind.in_(sorted(kinds)),
    )
    return list(connection.scalars(statement.order_by(mine.id.desc()).limit(MOST)))


def open_root(connection: Connection, key: int) -> OpenRoot:
    row = connection.execute(select(incident).where(incident.c.id == key)).one()
    below = msgspec.json.decode(row.impact, type=Impact)
    return OpenRoot(
        row.id,
        row.kind,
        row.job_id,
        row.dataset_id,
        row.orchestrator_id,
        row.since,
        below.jobs,
        below.datasets,
    )


def keep_prediction(connection: Connection, key: int, told: Predicted) -> None:
    """Beside what else is kept of its impact; of one that is over nothing is predicted."""
    mine = incident.c.id == key
    open_now = select(incident.c.impact).where(mine, incident.c.resolved_at.is_(None))
    kept = connection.scalar(open_now.with_for_update())
    if kept is not None:
        impact = {**msgspec.json.decode(kept), "predicted": told}
        text = msgspec.json.encode(impact).decode()
        connection.execute(incident.update().where(mine).values(impact=text))


def open_breaches(
    connection: Connection, viewer: Viewer, now: datetime
) -> list[tuple[int, BreachView]]:
    """What open incidents will cause, as it was predicted, the first first: which incident, what.

    Whoever sees them heeds which incidents they may see.
    """
    mine = incident.c
    statement = select(mine.id, mine.impact).where(
        mine.resolved_at.is_(None),
        mine.parent_id.is_(None),
        mine.dry_run.is_(False),
        mine.impact.is_not(None),
    )
    found = []
    for row in connection.execute(statement.order_by(mine.id.desc()).limit(MOST)):
        told = msgspec.json.decode(row.impact, type=_Kept).predicted
        if told is not None:
            ahead = [one for one in told.breaches if one.breach_at > now]
            found += [(int(row.id), one) for one in ahead]
    found.sort(key=lambda one: one[1].breach_at)
    return [
        (key, view)
        for key, one in found[:_SHOWN]
        for view in breaches_of(connection, viewer, Predicted(now, "", [one]))
    ]


class _Kept(Struct):
    """The part of an impact that is read here."""

    predicted: Predicted | None = None


# -- shown -------------------------------------------------------------------------------------


class BreachView(View, frozen=True):
    """That a rule will be violated by a job or dataset downstream at `breachAt`, unless it is done
    before.

    probability: that it will be. doneAt: when it will be done, the median; with 80 % it lies from
    `earliestAt` to `latestAt`. slackS: seconds from then to the breach, negative if it comes too
    late. mustBy: when what is late must be done for it to be kept with 90 %. null: nobody can say.
    """

    rule: str
    kind: str
    severity: str
    job: EntityName | None
    dataset: EntityName | None
    team: str | None
    owners: list[str]
    breach_at: datetime
    probability: float | None
    done_at: datetime | None
    earliest_at: datetime | None
    latest_at: datetime | None
    slack_s: float | None
    must_by: datetime | None


class Hit(Struct, frozen=True):
    """A job or dataset downstream, and whose it is."""

    name: EntityName
    team: str | None
    owners: list[str]


def jobs_hit(connection: Connection, viewer: Viewer, keys: list[int]) -> dict[int, Hit]:
    """Those of the jobs that the viewer may see, in this order."""
    mine = select(job.c.id, namespace.c.name.label("space"), job.c.name, job.c.team, job.c.owners)
    seen = mine.join(namespace, namespace.c.id == job.c.namespace_id).where(job_seen(viewer))
    return _hit(connection, seen, job.c.id, keys)


def datasets_hit(connection: Connection, viewer: Viewer, keys: list[int]) -> dict[int, Hit]:
    """Those of the datasets that the viewer may see, in this order."""
    mine = select(
        dataset.c.id,
        namespace.c.name.label("space"),
        dataset.c.name,
        dataset.c.team,
        dataset.c.owners,
    )
    spaced = mine.join(namespace, namespace.c.id == dataset.c.namespace_id)
    return _hit(connection, spaced.where(dataset_seen(viewer)), dataset.c.id, keys)


def _hit(
    connection: Connection, statement: Any, key: Column[Any], keys: list[int]
) -> dict[int, Hit]:
    found = {
        row.id: Hit(EntityName(row.space, row.name), row.team, json_list(row.owners))
        for row in among(connection, statement, key, keys)
    }
    return {one: found[one] for one in keys if one in found}


def breaches_of(
    connection: Connection, viewer: Viewer, predicted: Predicted | None
) -> list[BreachView]:
    """Those that are predicted of what the viewer may see."""
    told = [] if predicted is None else predicted.breaches
    hit = {
        "job": jobs_hit(connection, viewer, _keys(told, "job")),
        "dataset": datasets_hit(connection, viewer, _keys(told, "dataset")),
    }
    return [
        _view(one, found)
        for one in told
        if (found := hit[one.subject_kind].get(one.subject_id)) is not None
    ]


def _keys(told: list[Breach], kind: str) -> list[int]:
    return list(dict.fromkeys(one.subject_id for one in told if one.subject_kind == kind))


def _view(one: Breach, hit: Hit) -> BreachView:
    slack = None if one.done_at is None else (one.breach_at - one.done_at).total_seconds()
    return BreachView(
        one.rule,
        one.kind,
        one.severity,
        hit.name if one.subject_kind == "job" else None,
        hit.name if one.subject_kind == "dataset" else None,
        hit.team,
        hit.owners,
        one.breach_at,
        one.probability,
        one.done_at,
        one.earliest_at,
        one.latest_at,
        None if slack is None else round(slack, 1),
        one.must_by,
    )
