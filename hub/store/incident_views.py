"""How incidents and their transitions are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Raw
from sqlalchemy import Connection, Row, select

from hub.model import EntityName
from hub.store.column_impact import ColumnView
from hub.store.predictions import BreachView
from hub.store.reading import among, uuid_text
from hub.store.tables import run
from hub.store.views import View

_API: Final = "/api/v1"
_ID_DIGITS: Final = 18
_NO_RUN: Final = -1


class LinksView(View, frozen=True):
    """Where more is told. incident, subject, run: of this hub's API; runPage: of the orchestrator.

    run and runPage are of the run that the incident is about, if it is about one.
    """

    incident: str
    subject: str | None
    run: str | None
    run_page: str | None


class TransitionView(View, frozen=True):
    """One step of an incident, and how it stood then. `by`: the person; None: the hub itself."""

    at: datetime
    transition: str
    by: str | None
    reason: str
    evidence: Raw
    state: str | None
    severity: str | None
    parent_id: int | None
    run_page: str | None


class ImpactView(View, frozen=True):
    """What was downstream when the incident opened, the nearest first. `truncated`: and more.

    columns: those that derive from the columns that the incident is about.
    teams, owners: whose that is. breaches: what will be violated of it, as predicted at
    `predictedAt`, the first first. basis: what is late still runs (running), goes next by its
    schedule (next_run), or nobody knows when it will be done (unknown). null: not predicted.
    """

    jobs: list[EntityName]
    datasets: list[EntityName]
    columns: list[ColumnView]
    truncated: bool
    teams: list[str]
    owners: list[str]
    breaches: list[BreachView]
    predicted_at: datetime | None
    basis: str | None


class IncidentView(View, frozen=True):
    """An incident. Its subject is the job, dataset, orchestrator, or target of alerts; `parentId`:
    the incident that caused it.

    children: incidents that it causes. Of both, what the viewer may see. flapping: it is kept open
    until it was quiet. impact and history: of one incident, None in lists.
    """

    id: int
    rule: str
    kind: str
    job: EntityName | None
    dataset: EntityName | None
    orchestrator: str | None
    target: str | None
    team: str | None
    severity: str
    state: str
    reason: str
    evidence: Raw
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    snoozed_until: datetime | None
    flapping: bool
    parent_id: int | None
    children: int
    impact: ImpactView | None
    dry_run: bool
    updated_at: datetime
    links: LinksView
    history: list[TransitionView] | None


class StreamedView(View, frozen=True):
    """One transition among those of all incidents, with what its incident is about."""

    id: int
    version: int
    incident_id: int
    rule: str
    kind: str
    job: EntityName | None
    dataset: EntityName | None
    orchestrator: str | None
    target: str | None
    team: str | None
    dry_run: bool
    transition: TransitionView
    links: LinksView


# -- of rows -----------------------------------------------------------------------------------


def views_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[IncidentView]:
    runs = _runs_named(connection, rows)
    return [_view(row, runs) for row in rows]


def _view(row: Row[Any], runs: dict[int, str]) -> IncidentView:
    return IncidentView(
        row.id,
        row.rule,
        row.kind,
        _name(row.job_namespace, row.job_name),
        _name(row.dataset_namespace, row.dataset_name),
        row.orchestrator_name,
        row.target_name,
        row.team,
        row.severity,
        row.state,
        row.reason,
        Raw(row.evidence),
        row.since,
        row.opened_at,
        row.resolved_at,
        row.resolution,
        row.snoozed_until,
        row.flaps is not None,
        row.cause,
        row.children,
        None,
        row.dry_run,
        row.updated_at,
        _links(row, row.id, runs),
        None,
    )


def streamed_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[StreamedView]:
    """Rows of transitions, each with what its incident is about."""
    runs = _runs_named(connection, rows)
    return [_streamed(row, runs) for row in rows]


def _streamed(row: Row[Any], runs: dict[int, str]) -> StreamedView:
    return StreamedView(
        row.id,
        row.version,
        row.incident_id,
        row.rule,
        row.kind,
        _name(row.job_namespace, row.job_name),
        _name(row.dataset_namespace, row.dataset_name),
        row.orchestrator_name,
        row.target_name,
        row.team,
        row.dry_run,
        transition_of(row),
        _links(row, row.incident_id, runs),
    )


def transition_of(row: Row[Any]) -> TransitionView:
    return TransitionView(
        row.at,
        row.transition,
        row.by,
        row.reason,
        Raw(row.evidence),
        row.state,
        row.severity,
        row.cause,
        _run_page(row.evidence),
    )


def _links(row: Row[Any], key: int, runs: dict[int, str]) -> LinksView:
    subject = None
    if row.job_name is not None:
        subject = _path(row.job_namespace, "jobs", row.job_name)
    elif row.dataset_name is not None:
        subject = _path(row.dataset_namespace, "datasets", row.dataset_name)
    elif row.orchestrator_name is not None:
        subject = f"{_API}/orchestrators/{quote(row.orchestrator_name, safe='')}"
    run_id = runs.get(_number(row))
    return LinksView(
        f"{_API}/incidents/{key}",
        subject,
        None if run_id is None else f"{_API}/jobs/runs/{run_id}",
        _run_page(row.evidence),
    )


def _run_page(evidence: str) -> str | None:
    """Where the orchestrator shows the run that the evidence is of."""
    url = msgspec.json.decode(evidence).get("url")
    return url if isinstance(url, str) else None


def _path(space: str, kind: str, name: str) -> str:
    return f"{_API}/namespaces/{quote(space, safe='')}/{kind}/{quote(name, safe='')}"


def _runs_named(connection: Connection, rows: Iterable[Row[Any]]) -> dict[int, str]:
    """The public ids of the runs that the keys of incidents name, by their number."""
    jobs = {_number(row): row.job_id for row in rows if row.job_id is not None}
    jobs.pop(_NO_RUN, None)
    statement = select(run.c.id, run.c.job_id, run.c.attempt_uuid)
    found = among(connection, statement, run.c.id, jobs)
    return {
        one.id: text
        for one in found
        # A key that looks like a number may be another thing, such as a partition.
        if jobs[one.id] == one.job_id and (text := uuid_text(one.attempt_uuid)) is not None
    }


def _number(row: Row[Any]) -> int:
    return number_of(row.key)


def number_of(key: str) -> int:
    """The run that an incident's key names; one that there is not, if it names another thing."""
    return int(key) if key.isdecimal() and len(key) <= _ID_DIGITS else _NO_RUN


def _name(space: str | None, name: str | None) -> EntityName | None:
    return None if space is None or name is None else EntityName(space, name)
