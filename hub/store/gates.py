"""What gates are judged by, for many of them with one statement for each part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, func, select, text

from hub.gates import (
    AWAITED_OF,
    GateAnswer,
    GateFacts,
    GateSpec,
    IncidentSeen,
    PolicySeen,
    judge,
)
from hub.model import CheckStatus, Severity, Viewer
from hub.rules.base import CheckName, CheckSeen, Subject
from hub.store.changes import Places, following, heads
from hub.store.reading import among, chunks, closed_teams, distinct, newest_of_each
from hub.store.tables import (
    change,
    check_result,
    dataset,
    freshness_policy,
    incident,
    incident_transition,
    job,
    namespace,
    run,
)
from hub.store.tables import dataset_update as update
from hub.store.types import to_micros

_ALL: Final = Viewer(all=True)

Wanted = tuple[int, str, GateSpec]
"""A dataset's id, the partition ("" for the dataset as it was updated last), what is asked."""


def gate_answers(
    connection: Connection, wanted: Sequence[Wanted], now: datetime, viewer: Viewer = _ALL
) -> list[GateAnswer]:
    """What each gate answers now, in the order of the gates.

    Whoever asks may see the datasets; of incidents that they may not see only the kind is told.
    """
    places = {(key, partition) for key, partition, _ in wanted}
    seen = _facts(connection, places, viewer)
    return [judge(spec, seen[key, partition], now) for key, partition, spec in wanted]


class LatestUpdate(Struct, frozen=True):
    """The latest update of a dataset (partition), and when the run that made it began."""

    id: int
    at: datetime
    begun_at: datetime
    rows: int | None
    run_id: int | None
    job_id: int | None
    parent_job_id: int | None


_Place = tuple[int, str]


def _facts(connection: Connection, places: set[_Place], viewer: Viewer) -> dict[_Place, GateFacts]:
    keys = sorted({key for key, _ in places})
    names = {row.id: row for row in among(connection, NAMES, dataset.c.id, keys)}
    recent = _recent(connection, keys)
    latest = _latest(connection, places, recent)
    results = results_of(connection, places, recent, latest)
    incidents = _incidents(connection, keys, latest.values(), viewer)
    policies = policies_of(connection, keys)
    found = {}
    for place in places:
        key, partition = place
        mine, lately = latest.get(place), recent.get(key, [])
        found[place] = GateFacts(
            name=names[key].name,
            partition=partition,
            updated_at=None if mine is None else mine.at,
            rows=None if mine is None else mine.rows,
            last_update_at=lately[0].at if lately else None,
            checks=checks_since(results[key], partition, mine),
            awaited=awaited_of(results[key], lately),
            incidents=incidents.of(key, mine),
            policy=policies.get(key),
        )
    return found


NAMES = select(dataset.c.id, dataset.c.name)

# -- updates -----------------------------------------------------------------------------------

UPDATES = (
    select(
        update.c.id,
        update.c.dataset_id,
        update.c.partition_key,
        update.c.at,
        update.c.rows,
        update.c.run_id,
        func.coalesce(run.c.started_at, update.c.at).label("begun_at"),
        run.c.job_id,
        job.c.parent_job_id,
    )
    .outerjoin(run, run.c.id == update.c.run_id)
    .outerjoin(job, job.c.id == run.c.job_id)
)
_OF_PARTITIONS: Final = {
    dialect: text(
        "SELECT (SELECT u.id FROM dataset_update AS u"
        f" WHERE u.dataset_id = {dataset_} AND u.partition_key = {partition}"
        " AND u.partition_key <> '' ORDER BY u.at DESC, u.id DESC LIMIT 1) AS id"
        f" FROM {source}"
    )
    for dialect, dataset_, partition, source in (
        (
            "sqlite",
            "json_extract(wanted.value, '$[0]')",
            "json_extract(wanted.value, '$[1]')",
            "json_each(:wanted) AS wanted",
        ),
        (
            "postgresql",
            "(wanted.value ->> 0)::bigint",
            "(wanted.value ->> 1)",
            "jsonb_array_elements(CAST(:wanted AS jsonb)) AS wanted(value)",
        ),
    )
}


def _recent(connection: Connection, keys: list[int]) -> dict[int, list[LatestUpdate]]:
    """The latest updates of each dataset, the latest first."""
    ids = newest_of_each(connection, update, "dataset_id", "at", keys, AWAITED_OF + 1)
    rows = among(connection, UPDATES, update.c.id, ids)
    rows.sort(key=lambda row: (row.at, row.id), reverse=True)
    found: dict[int, list[LatestUpdate]] = defaultdict(list)
    for row in rows:
        found[row.dataset_id].append(update_of(row))
    return found


def _latest(
    connection: Connection, places: set[_Place], recent: dict[int, list[LatestUpdate]]
) -> dict[_Place, LatestUpdate]:
    found = {(key, ""): several[0] for key, several in recent.items()}
    ids: list[int] = []
    for some in chunks(sorted(place for place in places if place[1])):
        given = {"wanted": msgspec.json.encode(some).decode()}
        ids += filter(None, connection.scalars(_OF_PARTITIONS[connection.dialect.name], given))
    for row in among(connection, UPDATES, update.c.id, ids):
        found[row.dataset_id, row.partition_key] = update_of(row)
    return found


def update_of(row: Row[Any]) -> LatestUpdate:
    begun_at = min(row.begun_at, row.at)
    return LatestUpdate(
        row.id, row.at, begun_at, row.rows, row.run_id, row.job_id, row.parent_job_id
    )


# -- checks ------------------------------------------------------------------------------------


class _Result(Struct, frozen=True):
    check: CheckSeen
    run_id: int


# Along the index of results by time; those without a partition of their own are on their run's.
_RESULTS: Final = {
    dialect: text(
        "SELECT c.dataset_id, c.name, c.column_name, c.run_id, c.at, c.status, c.severity,"
        " c.expected, c.actual,"
        " CASE WHEN c.partition_key <> '' THEN c.partition_key"
        " ELSE coalesce(run.partition_key, '') END AS partition_key"
        f" FROM {source} JOIN check_result AS c"
        f" ON c.dataset_id = {dataset_} AND c.at >= {since}"
        " LEFT JOIN run ON run.id = c.run_id"
    ).columns(at=check_result.c.at.type)
    for dialect, dataset_, since, source in (
        (
            "sqlite",
            "json_extract(wanted.value, '$[0]')",
            "json_extract(wanted.value, '$[1]')",
            "json_each(:wanted) AS wanted",
        ),
        (
            "postgresql",
            "(wanted.value ->> 0)::bigint",
            "(wanted.value ->> 1)::bigint",
            "jsonb_array_elements(CAST(:wanted AS jsonb)) AS wanted(value)",
        ),
    )
}


def results_of(
    connection: Connection,
    places: Iterable[_Place],
    recent: dict[int, list[LatestUpdate]],
    latest: dict[_Place, LatestUpdate],
) -> dict[int, list[_Result]]:
    """All results of each dataset since the earliest of the updates that matter, by time."""
    since: dict[int, int] = {}
    for place in places:
        looked = [*recent.get(place[0], ()), *filter(None, [latest.get(place)])]
        begun = min((to_micros(one.begun_at) for one in looked), default=None)
        if begun is not None:
            since[place[0]] = min(begun, since.get(place[0], begun))
    found: dict[int, list[_Result]] = defaultdict(list)
    for some in chunks(sorted(since.items())):
        given = {"wanted": msgspec.json.encode(some).decode()}
        for row in connection.execute(_RESULTS[connection.dialect.name], given):
            found[row.dataset_id].append(_result(row))
    for several in found.values():
        several.sort(key=lambda one: one.check.at)
    return found


def _result(row: Row[Any]) -> _Result:
    check = CheckSeen(
        CheckName(row.name, row.column_name, row.partition_key),
        row.at,
        CheckStatus(row.status),
        Severity(row.severity),
        row.expected,
        row.actual,
    )
    return _Result(check, row.run_id)


def checks_since(
    results: Iterable[_Result], partition: str, latest: LatestUpdate | None
) -> list[CheckSeen]:
    """The latest result of each check of the update: told by its run, or after it."""
    if latest is None:
        return []
    found: dict[CheckName, CheckSeen] = {}
    for one in results:
        after = one.check.at >= latest.at or (one.run_id and one.run_id == latest.run_id)
        if after and partition in {"", one.check.name.partition}:
            found[one.check.name] = one.check
    return [found[name] for name in sorted(found)]


def awaited_of(results: Iterable[_Result], recent: Sequence[LatestUpdate]) -> list[CheckName]:
    """Checks that reported lately, of whichever partition."""
    if not recent:
        return []
    begun_at = min(one.begun_at for one in recent)
    return sorted({one.check.name for one in results if one.check.at >= begun_at})


# -- incidents ---------------------------------------------------------------------------------

_space = namespace.alias("job_space")
INCIDENTS = (
    select(
        incident.c.id,
        incident.c.kind,
        incident.c.severity,
        incident.c.reason,
        incident.c.evidence,
        incident.c.since,
        incident.c.team,
        incident.c.subject_kind,
        incident.c.dataset_id,
        incident.c.job_id,
        _space.c.name.label("space"),
        job.c.name.label("job"),
    )
    .outerjoin(job, job.c.id == incident.c.job_id)
    .outerjoin(_space, _space.c.id == job.c.namespace_id)
    .where(incident.c.dry_run.is_(False))
)
_OPEN = INCIDENTS.where(incident.c.resolved_at.is_(None))
_OF_JOBS = _OPEN.where(incident.c.subject_kind == Subject.JOB)


class _Evidence(Struct):
    """Of an incident, as far as gates look at it."""

    partition: str | None = None


_evidence = msgspec.json.Decoder(_Evidence)


class _Incidents(Struct, frozen=True):
    of_datasets: dict[int, list[IncidentSeen]]
    of_jobs: dict[int, list[IncidentSeen]]

    def of(self, key: int, latest: LatestUpdate | None) -> list[IncidentSeen]:
        jobs = {latest.job_id, latest.parent_job_id} if latest else set()
        own = [one for job in jobs if job is not None for one in self.of_jobs.get(job, ())]
        return [*self.of_datasets.get(key, ()), *own]


def _incidents(
    connection: Connection, keys: list[int], latest: Iterable[LatestUpdate], viewer: Viewer
) -> _Incidents:
    """The open incidents of the datasets, and of the jobs that updated them last."""
    jobs = {number for one in latest for number in (one.job_id, one.parent_job_id) if number}
    closed = closed_teams(connection, viewer)
    found = _Incidents(defaultdict(list), defaultdict(list))
    for row in among(connection, _OPEN, incident.c.dataset_id, keys):
        found.of_datasets[row.dataset_id].append(incident_of(row, closed))
    for row in among(connection, _OF_JOBS, incident.c.job_id, jobs):
        found.of_jobs[row.job_id].append(incident_of(row, closed))
    return found


def incident_of(row: Row[Any], closed: frozenset[str]) -> IncidentSeen:
    of_job = row.subject_kind == Subject.JOB
    hidden = row.team in closed
    return IncidentSeen(
        row.id,
        row.kind,
        row.severity,
        "it belongs to a team whose things you may not see" if hidden else row.reason,
        row.since,
        of_job,
        f" of job {row.space}:{row.job}" if of_job and not hidden else "",
        _evidence.decode(row.evidence).partition,
    )


# -- policies ----------------------------------------------------------------------------------

_POLICIES = select(
    freshness_policy.c.dataset_id,
    freshness_policy.c.max_lag_s,
    freshness_policy.c.cron,
    freshness_policy.c.timezone,
)


def policies_of(connection: Connection, keys: list[int]) -> dict[int, PolicySeen]:
    rows = among(connection, _POLICIES, freshness_policy.c.dataset_id, keys)
    return {row.dataset_id: PolicySeen(row.max_lag_s, row.cron, row.timezone) for row in rows}


# -- what has happened meanwhile ---------------------------------------------------------------

#: News that are read at a time; with more, every gate may have changed.
NEWS: Final = 2000


class Place(Struct, frozen=True):
    """How far somebody who waits has read the changes and the transitions of incidents."""

    changes: Places
    transition: int


class News(Struct, frozen=True):
    """Whose gates may answer otherwise by now. everything: there was more than can be told."""

    place: Place
    datasets: frozenset[int] = frozenset()
    jobs: frozenset[int] = frozenset()
    everything: bool = False


_LAST_TRANSITION = select(func.max(incident_transition.c.id))
_TRANSITIONS = (
    select(incident_transition.c.id, incident.c.dataset_id, incident.c.job_id)
    .join(incident, incident.c.id == incident_transition.c.incident_id)
    .where(incident_transition.c.id > bindparam("after"))
    .order_by(incident_transition.c.id)
    .limit(NEWS)
)


def steps_after(connection: Connection, transition: int) -> tuple[list[Row[Any]], int]:
    """What incidents of which datasets and jobs have moved since; and the place after it."""
    steps: list[Row[Any]] = [*connection.execute(_TRANSITIONS, {"after": transition})]
    return steps, steps[-1].id if steps else transition


def place_now(connection: Connection) -> Place:
    """Behind everything that is recorded by now."""
    return Place(heads(connection), connection.scalar(_LAST_TRANSITION) or 0)


def news_since(connection: Connection, place: Place) -> News:
    """What was recorded after the place, and the place after it."""
    changes = dict(place.changes)
    rows: list[Row[Any]] = []
    for writer in distinct(connection, change.c.writer_id):
        mine = following(connection, writer, changes.get(writer, 0), NEWS)
        if mine:
            changes[writer] = mine[-1].seq
            rows += mine
    steps, transition = steps_after(connection, place.transition)
    told = [*rows, *steps]
    return News(
        Place(changes, transition),
        frozenset(row.dataset_id for row in told if row.dataset_id),
        frozenset(row.job_id for row in steps if row.job_id),
        everything=len(told) >= NEWS,
    )
