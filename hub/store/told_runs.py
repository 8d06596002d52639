"""The runs that incidents are of, as a message tells of them: their error, and where to look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, select, tuple_

from hub.model import EntityName, RunState
from hub.ports import RunTold
from hub.store.incident_views import number_of
from hub.store.reading import among, chunks, to_uuid_text
from hub.store.tables import job, namespace, orchestrator, run

_RUNS: Final[Select[Any]] = (
    select(
        run.c.id,
        run.c.job_id,
        run.c.natural_id,
        run.c.parent_run_id,
        run.c.attempt_uuid,
        run.c.state,
        run.c.ended_at,
        run.c.sort_at,
        run.c.error_class,
        run.c.error_message,
        run.c.external_url,
        namespace.c.name.label("space"),
        job.c.name,
        orchestrator.c.name.label("orchestrator"),
    )
    .join(job, job.c.id == run.c.job_id)
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
)
_NAMED: Final = _RUNS.where(
    tuple_(run.c.job_id, run.c.natural_id).in_(bindparam("keys", expanding=True))
)
_WITHIN: Final = _RUNS.where(run.c.state == RunState.FAILED, run.c.error_message.is_not(None))

Named = tuple[int, str]
"""A job, and what its orchestrator calls the run."""


def runs_told(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, RunTold]:
    """By incident, of rows of `cases.ABOUT`: the run that its evidence names, else that its key
    does. Of a failed one that says nothing itself, the run within it that failed first.
    """
    wanted = {row.id: name for row in rows if (name := _name_of(row)) is not None}
    named = _named(connection, set(wanted.values()))
    keyed = _keyed(connection, [row for row in rows if wanted.get(row.id) not in named])
    found = {key: named[name] for key, name in wanted.items() if name in named} | keyed
    silent = {one.id for one in found.values() if _says_nothing(one)}
    within = _within(connection, silent)
    return {key: _told(within.get(one.id, one), one) for key, one in found.items()}


def _name_of(row: Row[Any]) -> Named | None:
    name = msgspec.json.decode(row.evidence).get("run")
    return (row.job_id, name) if isinstance(name, str) and row.job_id is not None else None


def _named(connection: Connection, names: Collection[Named]) -> dict[Named, Row[Any]]:
    """The latest, where several orchestrators or parts of one share a name."""
    rows = [
        row
        for some in chunks(names)
        for row in connection.execute(_NAMED, {"keys": [tuple(each) for each in some]})
    ]
    return {(row.job_id, row.natural_id): row for row in sorted(rows, key=_by_start)}


def _keyed(connection: Connection, rows: Collection[Row[Any]]) -> dict[int, Row[Any]]:
    jobs = {number_of(row.key): row.job_id for row in rows if row.job_id is not None}
    found = {one.id: one for one in among(connection, _RUNS, run.c.id, jobs)}
    return {
        row.id: one
        for row in rows
        if (one := found.get(number_of(row.key))) is not None and one.job_id == row.job_id
    }


def _says_nothing(one: Row[Any]) -> bool:
    return one.state == RunState.FAILED and not one.error_message


def _within(connection: Connection, keys: Collection[int]) -> Mapping[int, Row[Any]]:
    """Of each the one that failed first: what failed later may be its consequence."""
    rows = among(connection, _WITHIN, run.c.parent_run_id, keys)
    return {row.parent_run_id: row for row in sorted(rows, key=_by_end, reverse=True)}


def _by_start(one: Row[Any]) -> tuple[Any, int]:
    return one.sort_at, one.id


def _by_end(one: Row[Any]) -> tuple[Any, int]:
    return one.ended_at or one.sort_at, one.id


def _told(one: Row[Any], whole: Row[Any]) -> RunTold:
    return RunTold(
        id=to_uuid_text(one.attempt_uuid),
        job=EntityName(one.space, one.name),
        orchestrator=one.orchestrator,
        error=_error(one) if one.state == RunState.FAILED else None,
        url=one.external_url or whole.external_url,
    )


def _error(one: Row[Any]) -> str | None:
    """Its last error's own words, with the kind of exception where these do not name it."""
    sort: str | None = one.error_class
    told: str | None = one.error_message
    if not told or not sort or sort.rpartition(".")[2] in told:
        return told or sort
    return f"{sort}: {told}"
