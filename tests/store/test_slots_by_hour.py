"""All slots of all schedules are counted by the hour, those of paused and unseen jobs left out."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import update

from hub.model import Viewer
from hub.store import tables as t
from hub.store.db import Database
from hub.store.slot_counts import slots_between
from tests.support.build import EVERYBODY, Build, at

HOURS: Final = [at(0) + n * timedelta(hours=1) for n in range(4)]


def counted(db: Database, viewer: Viewer = EVERYBODY) -> list[int]:
    with db.reading() as connection:
        return slots_between(connection, viewer, HOURS)


def test_jobs_with_schedules_alike_and_unlike_are_counted_together(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        for name in ("one", "two"):
            build.schedule(build.job(name), "0 * * * *")
        build.schedule(build.job("often"), "*/20 * * * *")
        build.schedule(build.job("never"), "broken")
    first, second, third = counted(db)
    assert (first, second, third) == (5, 5, 5)


def test_what_is_paused_or_private_is_left_out(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        paused, private = build.job("paused"), build.job("private")
        build.schedule(paused, "0 * * * *")
        build.schedule(private, "0 * * * *")
        connection.execute(
            update(t.schedule).where(t.schedule.c.job_id == paused).values(paused=True)
        )
        connection.execute(update(t.job).where(t.job.c.id == private).values(team="secret"))
        team = {"name": "secret", "private": True, "created_at": at(0)}
        connection.execute(t.team.insert().values(**team))
    assert counted(db) == [1, 1, 1]
    assert counted(db, Viewer()) == [0, 0, 0]
