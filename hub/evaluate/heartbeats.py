"""Heartbeats of trackside.yaml: jobs that tell of their runs by pinging a URL.

    heartbeats:
      - {name: nightly backup, team: ops, cron: "30 3 * * *", timezone: Europe/Zurich, grace: PT15M}
      - {name: sync, namespace: web1, slug: sync, interval: PT2H}

They are put into the store when the hub starts; one that is taken out of the file is no more from the
next start on. Their URLs are no part of the file.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.evaluate.agenda import Crons, Interval, Zone
from hub.model import EntityName, Schedule
from hub.record import Incoming
from hub.record.heartbeats import SLUG, schedule_of, slug_of
from hub.schedules.intervals import interval_of
from hub.settings import Settings
from hub.settings.given import read
from hub.store import heartbeats as store
from hub.store.db import Connection, Database
from hub.store.heartbeats import FILE, Heartbeat, Owner, Wanted
from hub.store.leases import Fence
from hub.store.types import storable, to_micros
from hub.store.writer import Writer

#: Who has made what the file declares.
BY_FILE: Final = "trackside.yaml"
_LONGEST: Final = 4096

Word = Annotated[str, AfterValidator(storable)]


class HeartbeatGiven(BaseModel):
    """A heartbeat as the operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Word = Field(min_length=1, max_length=_LONGEST, description="of its job")
    namespace: Word = Field("heartbeats", min_length=1, max_length=_LONGEST)
    slug: str | None = Field(None, max_length=100, pattern=SLUG, description="made of the name")
    team: Word | None = Field(None, min_length=1, max_length=512)
    cron: Crons | None = None
    timezone: Zone = "UTC"
    interval: Interval | None = Field(None, description="a period after the last run, as in PT2H")
    grace: Interval | None = Field(None, description="so much later a run may begin, as in PT15M")

    @model_validator(mode="after")
    def _one_schedule(self) -> HeartbeatGiven:
        if self.cron is not None and self.interval is not None:
            raise ValueError("cron and interval are two schedules; tell one of them")
        if self.grace is not None and self.cron is None and self.interval is None:
            raise ValueError("grace belongs to a schedule; tell cron or interval, too")
        return self

    @property
    def job(self) -> EntityName:
        return EntityName(self.namespace, self.name)

    def schedule(self) -> Schedule | None:
        """None: as it is learned."""
        grace = None if self.grace is None else interval_of(self.grace).total_seconds()
        if self.cron is not None:
            return Schedule("cron", self.cron, self.timezone, grace_s=grace)
        if self.interval is not None:
            return Schedule("interval", self.interval, grace_s=grace)
        return None

    def wanted(self) -> Wanted:
        """With a URL that nobody knows: who needs one makes another."""
        return Wanted(
            job=self.job,
            slug=self.slug or slug_of(self.name),
            digest=secrets.token_bytes(32),
            schedule=self.schedule(),
        )


def heartbeats_of(settings: Settings) -> Sequence[HeartbeatGiven]:
    """Raises ConfigError; tells all that is wrong."""
    jobs: set[EntityName] = set()

    def make(one: HeartbeatGiven) -> HeartbeatGiven:
        if one.job in jobs:
            raise ValueError(f"the heartbeat {one.name!r} of {one.namespace!r} stands twice")
        jobs.add(one.job)
        return one

    return read(settings, "heartbeats", HeartbeatGiven, make)


class Filing:
    """Puts the heartbeats of the file into the store, once."""

    def __init__(
        self, db: Database, writer: Writer[Incoming, Any], given: Sequence[HeartbeatGiven]
    ) -> None:
        self._db, self._writer, self._given = db, writer, given
        self._done = False

    def round(self, now: datetime, fence: Fence) -> bool:
        if self._done:
            return False

        def work(connection: Connection) -> list[Incoming]:
            fence(connection)
            return list(file_heartbeats(connection, self._given, now))

        told = self._writer.call(work)
        if told:
            self._writer.record(told)
        self._done = True
        return False


def file_heartbeats(
    connection: Connection, given: Sequence[HeartbeatGiven], now: datetime
) -> Iterator[Incoming]:
    """What their jobs are to do from now on, told anew each time: it may not have been heard.

    One that somebody made over the API is the file's from now on, and keeps its URL.
    """
    held = {one.job: one for one in store.of_origin(connection, FILE)}
    for one in given:
        yield from _put(connection, one, held, now)
    for job in held.keys() - {one.job for one in given}:
        store.delete_heartbeat(connection, held[job].id)
        if held[job].schedule is not None:
            yield schedule_of(held[job], Schedule("manual"), now, to_micros(now))


def _put(
    connection: Connection,
    given: HeartbeatGiven,
    held: Mapping[EntityName, Heartbeat],
    now: datetime,
) -> Iterator[Incoming]:
    wanted, owner = given.wanted(), Owner(BY_FILE, given.team)
    before = held.get(given.job) or store.find_by_job(connection, given.job)
    if before is None:
        one = store.add_heartbeat(connection, wanted, owner, now, origin=FILE)
    else:
        one = store.take_over(connection, before, wanted, owner, now)
    if one.schedule is not None:
        yield schedule_of(one, one.schedule, one.anchor, to_micros(now))
    elif before is not None and before.schedule is not None:
        yield schedule_of(one, Schedule("manual"), now, to_micros(now))
