"""New versions of jobs, for whoever tells of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, select

from hub.model import ChangeKind
from hub.ports import About, JobChanged, JobChanges, Told
from hub.rules.base import Subject
from hub.store import facts, posts
from hub.store.cursors import Change, read_changes, save_places, start_at_end
from hub.store.reading import among, json_list
from hub.store.tables import cursor, dataset, job, job_version, namespace, orchestrator

READER: Final = "tell-changes"
#: The route of the notification of one, before the team whose job it is.
CHANGES_OF_TEAM: Final = "changes of team "
CHANGES: Final = "changes"
#: Datasets of each kind that are named.
NAMED: Final = 10

_VERSIONS: Final = (
    select(
        job_version,
        namespace.c.name.label("space"),
        job.c.name,
        job.c.team,
        job.c.owners,
        orchestrator.c.name.label("orchestrator"),
    )
    .join(job, job.c.id == job_version.c.job_id)
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
)
_DATASETS: Final = select(dataset.c.id, namespace.c.name.label("space"), dataset.c.name).join(
    namespace, namespace.c.id == dataset.c.namespace_id
)


def settle(connection: Connection, *, wanted: bool) -> None:
    """A cursor that nobody moves would keep changes for ever."""
    if wanted:
        start_at_end(connection, READER)
    else:
        connection.execute(delete(cursor).where(cursor.c.reader == READER))


def read(connection: Connection, limit: int) -> JobChanges:
    changes, places = read_changes(connection, READER, limit)
    moved = [(_versions(one), one.at) for one in changes if _is_one(one)]
    keys = {key for (new, old), _ in moved for key in (new, old)}
    rows = {row.id: row for row in among(connection, _VERSIONS, job_version.c.id, keys)}
    tags = facts.tags(connection, Subject.JOB, {row.job_id for row in rows.values()})
    names = _names(connection, list(rows.values()))
    found = [
        JobChanged(
            about=_about(rows[new], tags.get(rows[new].job_id, set())),
            at=at or rows[new].created_at,
            what=list(_differences(rows[new], rows[old], names)),
        )
        for (new, old), at in moved
        if new in rows and old in rows
    ]
    return JobChanges(found, places, len(changes) >= limit)


def keep(
    connection: Connection, found: JobChanges, told: Sequence[Told], now: datetime
) -> list[int]:
    """The ids of their notifications."""
    made = [
        posts.post(
            connection,
            CHANGES if one.team is None else CHANGES_OF_TEAM + one.team,
            one.message,
            one.targets,
            now,
            "a new version of a job",
        )
        for one in told
    ]
    save_places(connection, READER, dict(found.places))
    return made


def _is_one(one: Change) -> bool:
    return one.kind == ChangeKind.JOB_VERSION_CHANGED and one.detail is not None


def _versions(one: Change) -> tuple[int, int]:
    """The new one, and the one before."""
    told: dict[str, int] = msgspec.json.decode(one.detail or "{}")
    return told["version"], told["before"]


def _about(row: Row[Any], tags: set[str]) -> About:
    return About(
        rule="",
        kind="job_version",
        severity="info",
        team=row.team,
        owners=tuple(json_list(row.owners)),
        orchestrator=row.orchestrator,
        namespace=row.space,
        job=row.name,
        tags=frozenset(tags),
    )


# -- how they differ ---------------------------------------------------------------------------


def _names(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, str]:
    keys = {key for row in rows for key in (*json_list(row.inputs), *json_list(row.outputs))}
    found = among(connection, _DATASETS, dataset.c.id, keys)
    return {row.id: f"{row.space}:{row.name}" for row in found}


def _differences(row: Row[Any], before: Row[Any], names: Mapping[int, str]) -> Iterator[str]:
    if row.location != before.location:
        yield f"its code is at {row.location or 'an unknown place'}"
    for word, side in (("reads", "inputs"), ("writes", "outputs")):
        new, old = set(json_list(getattr(row, side))), set(json_list(getattr(before, side)))
        for told, keys in ((f"{word}", new - old), (f"no longer {word}", old - new)):
            if keys:
                yield f"{told} {_listed(sorted(names[key] for key in keys if key in names))}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
