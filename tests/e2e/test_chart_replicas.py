"""Two replicas with the chart's own settings: when the one that leads is killed, the other one leads."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from hub.housekeeping import loops
from hub.main import writing
from hub.settings import Settings
from hub.store.db import Database
from hub.worker import HOLD_S, PRESENCE_S, TAKE_OVER_S
from tests.support.helm import one, rendered
from tests.support.hub_process import HubProcess, trackside
from tests.support.storm import Storm
from tests.support.survival import check_survival

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(900)]

#: What runs on one replica: incidents are found and told, launches made and followed, figures
#: measured and counted, orchestrators asked, the store kept.
LEADING = (
    "evaluate", "predict", "tell", "trigger", "follow", "gather", "backfill", "figures", "count",
    "retention", "partitions", "heartbeats", "poll away",
)  # fmt: skip
WANTED_S = 15.0
POLLED = 'config.orchestrators=[{"name": "away", "kind": "airflow", "settings": {"url": "http://127.0.0.1:1"}}]'


def test_the_settings_say_that_another_one_leads_within_fifteen_seconds(tmp_path: Path) -> None:
    """A lease runs out, is found by a look for it or the next round, and a rest may come before."""
    with writing(Settings(database_url=f"sqlite:///{tmp_path / 'hub.db'}")) as hub:
        known = {loop.name: loop for loop in loops(hub) if loop.leased}
    took = {
        name: loop.hold_s + min(loop.every_s, TAKE_OVER_S) + loop.rests_s
        for name, loop in known.items()
    }
    assert {name: sum_s for name, sum_s in took.items() if sum_s > WANTED_S} == {}
    assert known.keys() | {"partitions", "poll away"} == set(LEADING)
    # Of polls a replica takes its share: first those that are gone must no longer be counted.
    assert HOLD_S + PRESENCE_S + TAKE_OVER_S < WANTED_S


def environment_of(workload: dict[str, Any], database_url: str) -> dict[str, str]:
    secrets = {"url": database_url}
    container = workload["spec"]["template"]["spec"]["containers"][0]
    return {
        each["name"]: each["value"]
        if "value" in each
        else secrets[each["valueFrom"]["secretKeyRef"]["key"]]
        for each in container["env"]
    }


def prepared(database_url: str, folder: Path) -> dict[str, str]:
    """The environment that the chart gives a replica, its trackside.yaml as a file; migrated."""
    objects = rendered("--set", "database.existingSecret=database", "--set-json", POLLED)
    migration = environment_of(one(objects, "Job"), database_url)
    done = trackside("migrate", folder=folder, environment=migration, timeout=300)
    assert done.returncode == 0, done.stderr
    found = environment_of(one(objects, "Deployment"), database_url)
    config = folder / "trackside.yaml"
    config.write_text(one(objects, "ConfigMap", "railway-trackside")["data"]["trackside.yaml"])
    return found | {"TRACKSIDE_CONFIG": str(config)}


def at_home(hub: HubProcess) -> str:
    """Where it is reached: it listens on every address, as in a Pod."""
    return hub.url.replace("0.0.0.0", "127.0.0.1")


def leads(hub: HubProcess, loop: str) -> bool:
    told = httpx.get(f"{at_home(hub)}/metrics", timeout=30).raise_for_status().text
    found = re.search(rf'^trackside_lease_held{{loop="{loop}"}} (\S+)$', told, re.MULTILINE)
    return found is not None and float(found[1]) == 1


def one_leads(hubs: list[HubProcess], loop: str) -> HubProcess:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        leading = [hub for hub in hubs if leads(hub, loop)]
        if len(leading) == 1:
            return leading[0]
        time.sleep(0.2)
    raise AssertionError(f"nobody leads {loop}")


class Leases:
    """The leases as the store has them, by its own clock."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def held(self) -> tuple[datetime, dict[str, str]]:
        """Now, and who holds each lease that is not over."""
        with self._db.reading() as connection:
            now: datetime = connection.scalar(text("SELECT clock_timestamp()"))
            rows = connection.execute(
                text("SELECT name, owner, held_until FROM lease WHERE name = ANY(:names)"),
                {"names": list(LEADING)},
            ).all()
        micros = now.timestamp() * 1_000_000
        return now, {row.name: row.owner for row in rows if row.held_until > micros}

    def taken_from(self, gone: str, since: datetime) -> Mapping[str, float]:
        """How long it took until each lease was somebody else's: seconds. Waits for a minute."""
        took: dict[str, float] = {}
        deadline = time.monotonic() + 60
        while len(took) < len(LEADING):
            assert time.monotonic() < deadline, f"not taken over: {set(LEADING) - took.keys()}"
            now, held = self.held()
            for name, owner in held.items():
                if owner != gone:
                    took.setdefault(name, (now - since).total_seconds())
            time.sleep(0.05)
        return took


def test_when_the_leader_is_killed_the_other_one_leads_and_nothing_accepted_is_lost(
    postgres_url: str, tmp_path: Path
) -> None:
    environment = prepared(postgres_url, tmp_path)
    words = ("token", "create", "storm", "--scope", "ingest", "--namespace", "*")
    made = trackside(*words, folder=tmp_path, environment=environment, timeout=300)
    assert made.returncode == 0, made.stderr
    token = next(word for word in made.stdout.split() if word.startswith("tsk_"))
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    hubs = [HubProcess(folder, environment=environment) for folder in folders]
    up = list(hubs)
    storm = Storm(
        lambda: [at_home(hub) for hub in up], headers={"Authorization": f"Bearer {token}"}
    )
    db = Database(postgres_url)
    with ExitStack() as stack:
        for hub in hubs:
            stack.callback(hub.stop, 9)
            hub.start(300)
        with storm.blowing():
            storm.await_taken(200)
            for loop in LEADING:
                one_leads(hubs, loop)
            leader = one_leads(hubs, "evaluate")
            gone = Leases(db).held()[1]["evaluate"]
            killed_at, _ = Leases(db).held()
            leader.stop(9)
            up.remove(leader)
            took = Leases(db).taken_from(gone, killed_at)
            assert {name: took_s for name, took_s in took.items() if took_s > WANTED_S} == {}
            storm.await_taken(200)
        (other,) = up
        for loop in LEADING:
            assert one_leads(up, loop) is other
        assert "write_gave_up" not in hubs[0].said + hubs[1].said
    with db.writing() as connection:  # no event tells of the orchestrator that is declared
        connection.execute(text("DELETE FROM orchestrator WHERE name = 'away'"))
        connection.execute(text("DELETE FROM health"))
    db.close()
    check_survival(storm, postgres_url, tmp_path)
