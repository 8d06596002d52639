"""Heartbeats that trackside.yaml declares: made, changed, taken over and gone with the file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.api.hub import Hub
from hub.errors import ConfigError
from hub.evaluate.heartbeats import Filing, heartbeats_of
from hub.main import writing
from hub.model import EntityName, Schedule, Viewer
from hub.settings import Settings
from hub.store import heartbeats as store
from hub.store.heartbeats import Heartbeat
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.schedules import ScheduleView, list_schedules
from tests.support.recording import emptied

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
BACKUP: dict[str, Any] = {"name": "nightly backup", "team": "ops", "cron": "30 3 * * *",
                          "timezone": "Europe/Zurich", "grace": "PT15M"}  # fmt: skip
SYNC: dict[str, Any] = {"name": "sync", "namespace": "web1", "slug": "s", "interval": "PT2H"}


@pytest.fixture
def hub(database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=database_url)) as hub:
        hub.writer.call(emptied)
        yield hub


def file(hub: Hub, *given: dict[str, Any], now: datetime = NOW) -> list[Heartbeat]:
    """Starts a hub with these in its file; all heartbeats thereafter."""
    filing = Filing(hub.db, hub.writer, heartbeats_of(Settings(heartbeats=list(given))))
    filing.round(now, no_fence)
    with hub.db.reading() as connection:
        return store.list_heartbeats(connection, Viewer(all=True), Page()).items


def declared(hub: Hub, job: EntityName) -> ScheduleView:
    """What its job is to do, as rules go by it."""
    with hub.db.reading() as connection:
        found = list_schedules(connection, Viewer(all=True), Page()).items
    return next(one for one in found if one.job == job)


def test_they_are_there_with_their_team_schedule_and_grace(hub: Hub) -> None:
    backup, sync = file(hub, BACKUP, SYNC)
    assert backup.job == EntityName("heartbeats", "nightly backup")
    assert (backup.slug, backup.owner.team, backup.origin) == ("nightly-backup", "ops", "file")
    assert backup.schedule == Schedule("cron", "30 3 * * *", "Europe/Zurich", grace_s=900)
    assert (sync.job, sync.slug) == (EntityName("web1", "sync"), "s")
    told = declared(hub, backup.job)
    assert (told.expression, told.grace_s) == ("30 3 * * *", 900)


def test_another_start_with_the_same_file_changes_nothing(hub: Hub) -> None:
    before = file(hub, BACKUP, SYNC)
    assert file(hub, BACKUP, SYNC, now=NOW + timedelta(days=1)) == before


def test_what_is_changed_in_the_file_is_changed_and_keeps_its_url(hub: Hub) -> None:
    (before,) = file(hub, BACKUP)
    hub.writer.call(lambda c: store.renew_heartbeat(c, before.id, b"known"))
    (after,) = file(hub, {**BACKUP, "cron": "0 4 * * *"}, now=NOW + timedelta(days=1))
    assert (after.id, after.schedule and after.schedule.expression) == (before.id, "0 4 * * *")
    told = declared(hub, after.job)
    assert told.expression == "0 4 * * *"
    with hub.db.reading() as connection:
        assert store.find_by_digest(connection, b"known") == after


def test_what_is_no_longer_in_the_file_is_no_more_and_nobody_waits_for_it(hub: Hub) -> None:
    file(hub, BACKUP, SYNC)
    assert [one.job.name for one in file(hub, SYNC, now=NOW + timedelta(days=1))] == ["sync"]
    told = declared(hub, EntityName("heartbeats", "nightly backup"))
    assert told.kind == "manual"


def test_one_of_the_api_is_taken_over_and_others_are_left_alone(hub: Hub) -> None:
    def add(connection: Connection) -> None:
        for name in ("sync", "other"):
            wanted = store.Wanted(job=EntityName("web1", name), slug=name, digest=name.encode())
            store.add_heartbeat(connection, wanted, store.Owner("ann"), NOW)

    hub.writer.call(add)
    sync, other = file(hub, SYNC)
    assert (sync.origin, sync.slug, other.origin) == ("file", "s", None)
    with hub.db.reading() as connection:
        assert store.find_by_digest(connection, b"sync") == sync
    assert [one.job.name for one in file(hub)] == ["other"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**SYNC, "cron": "* * * * *"}, "two schedules"),
        ({"name": "x", "grace": "PT1M"}, "grace belongs to a schedule"),
        ({**BACKUP, "cron": "at noon"}, "no cron expression"),
        ({**BACKUP, "timezone": "Middle/Earth"}, "timezone"),
        ({**SYNC, "slug": "a b"}, "slug"),
        ({"namespace": "web1"}, "name"),
        ({**SYNC, "url": "https://x"}, "no such setting"),
    ],
)
def test_what_no_heartbeat_can_be_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        heartbeats_of(Settings(heartbeats=[given]))


def test_two_of_one_job_are_told() -> None:
    with pytest.raises(ConfigError, match="stands twice"):
        heartbeats_of(Settings(heartbeats=[SYNC, SYNC]))
