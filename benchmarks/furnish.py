"""What else a large store has: schedules, incidents open and over, subscriptions and launches.

`benchmarks.fill` has put jobs and runs there before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import Table

from benchmarks.fill import HOUR, MINUTE, PER_NAMESPACE, RUNS, START, Row, World, write
from hub.model import EntityName
from hub.ports import NewLaunch
from hub.store import launches, subscriptions
from hub.store import tables as t
from hub.store.access import put_team
from hub.store.db import Connection, Database
from hub.store.subscriptions import API
from hub.store.types import from_micros
from hub.triggers.plan import wanted_of
from hub.triggers.spec import Spec

#: Of so many jobs one has an open incident, and how many that are over.
OPEN_OF: Final = 50
OVER: Final = 5
SUBSCRIPTIONS: Final = 200
LAUNCHES: Final = 2000
TEAM: Final = "sales"
NOW: Final = START + RUNS * HOUR


def furnish(db: Database, world: World) -> None:
    write(db, _counts(world))
    write(db, _schedules(world))
    write(db, _incidents(world))
    with db.writing() as connection:
        put_team(connection, TEAM, private=False, now=from_micros(START))
        _subscribe(connection, world)
        _launch(connection, world)


def _counts(world: World) -> Iterator[tuple[Table, Row]]:
    """Of the events that have come in."""
    for hour in range(RUNS):
        for kind in ("START", "COMPLETE"):
            key = {"hour": START + hour * HOUR, "event_type": kind, "writer_id": 1}
            yield t.event_count, key | {"value": world.jobs}


def _schedules(world: World) -> Iterator[tuple[Table, Row]]:
    for job in range(1, world.jobs + 1):
        told = {"kind": "cron", "expression": f"{job % 60} * * * *", "timezone": "UTC"}
        yield t.schedule, {"job_id": job, **told, "at": START, "origin": "facet"}


def _incidents(world: World) -> Iterator[tuple[Table, Row]]:
    number = 0
    for job in range(OPEN_OF, world.jobs + 1, OPEN_OF):
        for age in range(OVER + 1):
            number += 1
            yield from _incident(number, job, age)


def _incident(number: int, job: int, age: int) -> Iterator[tuple[Table, Row]]:
    """age: 0 of the one that is open."""
    at = NOW - age * HOUR
    over = {"resolved_at": at + 20 * MINUTE, "resolution": "healed"} if age else {}
    told = {"reason": "run scheduled__9 failed", "evidence": json.dumps({"attempts": 1})}
    stands = {"state": "RESOLVED" if age else "OPEN", "severity": "error", **told}
    row = {
        "id": number,
        "rule": "failed-run",
        "kind": "failed_run",
        "subject_kind": "job",
        "subject_id": job,
        "key": f"run {age}",
        "job_id": job,
        "team": TEAM,
        "since": at,
        "opened_at": at,
        "dry_run": False,
        "updated_at": at,
        **stands,
        **over,
    }
    yield t.incident, row
    step = {"id": number, "incident_id": number, "at": at, "transition": "opened", "version": 1}
    yield t.incident_transition, step | stands


def _subscribe(connection: Connection, world: World) -> None:
    now = from_micros(NOW)
    for number in range(1, SUBSCRIPTIONS + 1):
        name = world.name(number)
        when = f'"postgres://warehouse-{(number - 1) // PER_NAMESPACE}"/"public.{name}"'
        launch = {"orchestrator": "airflow", "job": name, "namespace": "airflow-0"}
        told = {"name": f"wish-{number}", "team": TEAM, "when": when, "launch": launch}
        wanted = wanted_of(Spec.model_validate(told))
        subscriptions.put_subscription(connection, wanted, origin=API, by="ann", now=now)


def _launch(connection: Connection, world: World) -> None:
    later = from_micros(NOW) + timedelta(days=3650)
    for number in range(1, LAUNCHES + 1):
        one = NewLaunch(
            key=f"bench-{number}",
            orchestrator="airflow",
            job=EntityName("airflow-0", world.name(number % PER_NAMESPACE + 1)),
            asked_by="ann",
            not_before=later,
        )
        launches.ask(connection, [one], from_micros(NOW + number * 1_000_000))
