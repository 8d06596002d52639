"""Heartbeats as they are kept, where their runs stand, and the keys of slug URLs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, delete, insert, select, update

from hub.errors import Conflict, NotFound
from hub.model import EntityName, Schedule, Viewer
from hub.store.access import ensure_team, next_id
from hub.store.reading import Page, Slice, among, cut, decode_cursor, seen_by
from hub.store.tables import heartbeat, heartbeat_run, ping_key
from hub.store.upsert import upsert

_H, _R, _K = heartbeat.c, heartbeat_run.c, ping_key.c
_schedule: Final = msgspec.json.Decoder(Schedule)
#: With more runs of which nobody said how they ended, the earliest are no longer waited for.
MOST_OPEN: Final = 500
#: The origin of those that trackside.yaml declares.
FILE: Final = "file"


class Owner(Struct, frozen=True):
    """Whose a heartbeat is: the team and orchestrator of the token that made it, and its name."""

    by: str
    team: str | None = None
    orchestrator: str | None = None


class Wanted(Struct, frozen=True, kw_only=True):
    """What a heartbeat is to be. `digest`: of the uuid in its URL."""

    job: EntityName
    slug: str
    digest: bytes
    schedule: Schedule | None = None


class Heartbeat(Struct, frozen=True, kw_only=True):
    """A heartbeat. anchor: the run (or its being made) that the next one is due a period after."""

    id: int
    job: EntityName
    slug: str
    schedule: Schedule | None
    anchor: datetime
    owner: Owner
    created_at: datetime
    pinged_at: datetime | None
    origin: str | None = None


class HeartbeatRun(Struct, frozen=True, kw_only=True):
    """The latest run of one rid. log: what its pings have said so far."""

    run_id: bytes
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    log: str = ""

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


class PingKey(Struct, frozen=True):
    """That slug URLs of a namespace have a key. What the key is nobody knows any more."""

    namespace: str
    owner: Owner
    created_at: datetime


Runs = dict[str, HeartbeatRun]


# -- heartbeats --------------------------------------------------------------------------------


def add_heartbeat(
    connection: Connection,
    wanted: Wanted,
    owner: Owner,
    now: datetime,
    *,
    origin: str | None = None,
) -> Heartbeat:
    """Raises Conflict where the job has one."""
    if find_by_job(connection, wanted.job) is not None:
        raise Conflict(
            f"the job {wanted.job.name!r} in {wanted.job.namespace!r} has a heartbeat already; "
            "change that one, or take another name"
        )
    if owner.team:
        ensure_team(connection, owner.team, now=now)
    number = next_id(connection, "heartbeat")
    connection.execute(
        insert(heartbeat).values(
            id=number,
            namespace=wanted.job.namespace,
            name=wanted.job.name,
            slug=wanted.slug,
            digest=wanted.digest,
            schedule=_json(wanted.schedule),
            anchor=now,
            team=owner.team,
            orchestrator=owner.orchestrator,
            created_by=owner.by,
            created_at=now,
            origin=origin,
        )
    )
    return get_heartbeat(connection, number)


def change_heartbeat(
    connection: Connection, number: int, slug: str, schedule: Schedule | None, now: datetime
) -> Heartbeat:
    """Another slug or schedule. Raises NotFound."""
    values = {"slug": slug, "schedule": _json(schedule), "anchor": now}
    return _change(connection, number, values)


def take_over(
    connection: Connection, held: Heartbeat, wanted: Wanted, owner: Owner, now: datetime
) -> Heartbeat:
    """It is as the file says from now on; its URL stays. A schedule that stays counts as before."""
    if owner.team:
        ensure_team(connection, owner.team, now=now)
    values = {
        "slug": wanted.slug,
        "schedule": _json(wanted.schedule),
        "anchor": held.anchor if wanted.schedule == held.schedule else now,
        "team": owner.team,
        "origin": FILE,
    }
    return _change(connection, held.id, values)


def of_origin(connection: Connection, origin: str) -> list[Heartbeat]:
    wanted = select(heartbeat).where(_H.origin == origin).order_by(_H.id)
    return [_heartbeat(row) for row in connection.execute(wanted)]


def renew_heartbeat(connection: Connection, number: int, digest: bytes) -> Heartbeat:
    """Another URL; the one before no longer works. Raises NotFound."""
    return _change(connection, number, {"digest": digest})


def _change(connection: Connection, number: int, values: Mapping[str, Any]) -> Heartbeat:
    connection.execute(update(heartbeat).where(_H.id == number).values(**values))
    return get_heartbeat(connection, number)


def delete_heartbeat(connection: Connection, number: int) -> None:
    """Its URL no longer works; its job and runs stay."""
    connection.execute(delete(heartbeat_run).where(_R.heartbeat_id == number))
    connection.execute(delete(heartbeat).where(_H.id == number))


def get_heartbeat(connection: Connection, number: int, viewer: Viewer | None = None) -> Heartbeat:
    """Raises NotFound, also for one of a team that is private to the viewer."""
    statement = select(heartbeat).where(_H.id == number)
    if viewer is not None:
        statement = statement.where(seen_by(viewer, heartbeat.c.team))
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound(f"Heartbeat {number} not found.")
    return _heartbeat(row)


def list_heartbeats(
    connection: Connection, viewer: Viewer, page: Page, *, namespace: str | None = None
) -> Slice[Heartbeat]:
    """In the order in which they were made."""
    statement = select(heartbeat).where(seen_by(viewer, heartbeat.c.team)).order_by(_H.id)
    if namespace is not None:
        statement = statement.where(_H.namespace == namespace)
    if page.after is not None:
        statement = statement.where(_H.id > decode_cursor(page.after, tuple[int])[0])
    rows = connection.execute(statement.limit(page.limit + 1).offset(page.offset)).all()
    kept, following = cut(rows, page, lambda row: (row.id,))
    return Slice([_heartbeat(row) for row in kept], following)


def find_by_job(connection: Connection, job: EntityName) -> Heartbeat | None:
    mine = (_H.namespace == job.namespace, _H.name == job.name)
    row = connection.execute(select(heartbeat).where(*mine)).first()
    return None if row is None else _heartbeat(row)


def find_by_digest(connection: Connection, digest: bytes) -> Heartbeat | None:
    row = connection.execute(select(heartbeat).where(_H.digest == digest)).first()
    return None if row is None else _heartbeat(row)


def find_by_slug(connection: Connection, namespace: str, slug: str) -> list[Heartbeat]:
    """Several where different names have the same slug."""
    mine = (_H.namespace == namespace, _H.slug == slug)
    return [_heartbeat(row) for row in connection.execute(select(heartbeat).where(*mine).limit(2))]


def _heartbeat(row: Row[Any]) -> Heartbeat:
    return Heartbeat(
        id=row.id,
        job=EntityName(row.namespace, row.name),
        slug=row.slug,
        schedule=None if row.schedule is None else _schedule.decode(row.schedule),
        anchor=row.anchor,
        owner=Owner(row.created_by, row.team, row.orchestrator),
        created_at=row.created_at,
        pinged_at=row.pinged_at,
        origin=row.origin,
    )


def _json(schedule: Schedule | None) -> str | None:
    return None if schedule is None else msgspec.json.encode(schedule).decode()


# -- their runs --------------------------------------------------------------------------------


def lock_heartbeats(
    connection: Connection, numbers: Iterable[int]
) -> dict[int, tuple[Heartbeat, Runs]]:
    """Those that are still there, each with its runs by rid; nobody else moves them meanwhile."""
    held = among(connection, _LOCKED, _H.id, sorted(set(numbers)))
    found: dict[int, tuple[Heartbeat, Runs]] = {row.id: (_heartbeat(row), {}) for row in held}
    for row in among(connection, _RUNS, _R.heartbeat_id, found):
        found[row.heartbeat_id][1][row.rid] = HeartbeatRun(
            run_id=row.run_id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=row.outcome,
            log=row.log,
        )
    return found


_LOCKED = select(heartbeat).order_by(_H.id).with_for_update()
_RUNS = select(heartbeat_run)


def save_runs(
    connection: Connection,
    one: Heartbeat,
    runs: Mapping[str, HeartbeatRun],
    gone: Sequence[str],
    *,
    anchor: datetime,
    pinged_at: datetime,
) -> None:
    """Keeps where the runs of a heartbeat stand; those of the rids in `gone` are forgotten."""
    rows = [
        {"heartbeat_id": one.id, "rid": rid, **msgspec.structs.asdict(run)}
        for rid, run in runs.items()
    ]
    upsert(connection, heartbeat_run, rows)
    if gone:
        mine = (_R.heartbeat_id == one.id, _R.rid.in_(gone))
        connection.execute(delete(heartbeat_run).where(*mine))
    told = {"anchor": anchor, "pinged_at": pinged_at}
    connection.execute(update(heartbeat).where(_H.id == one.id).values(**told))


# -- the keys of slug URLs ---------------------------------------------------------------------


def put_ping_key(
    connection: Connection, namespace: str, digest: bytes, owner: Owner, now: datetime
) -> PingKey:
    """The key of a namespace; one that was there before no longer works."""
    row = {
        "namespace": namespace,
        "digest": digest,
        "team": owner.team,
        "orchestrator": owner.orchestrator,
        "created_by": owner.by,
        "created_at": now,
    }
    upsert(connection, ping_key, [row])
    return PingKey(namespace, owner, now)


def delete_ping_key(connection: Connection, namespace: str) -> None:
    """Raises NotFound where there is none."""
    if not connection.execute(delete(ping_key).where(_K.namespace == namespace)).rowcount:
        raise NotFound(f"The namespace '{namespace}' has no ping key.")


def find_ping_key(connection: Connection, digest: bytes) -> PingKey | None:
    row = connection.execute(select(ping_key).where(_K.digest == digest)).first()
    return None if row is None else _ping_key(row)


def list_ping_keys(connection: Connection, viewer: Viewer) -> list[PingKey]:
    """By namespace."""
    mine = select(ping_key).where(seen_by(viewer, ping_key.c.team)).order_by(_K.namespace)
    return [_ping_key(row) for row in connection.execute(mine)]


def _ping_key(row: Row[Any]) -> PingKey:
    owner = Owner(row.created_by, row.team, row.orchestrator)
    return PingKey(row.namespace, owner, row.created_at)
