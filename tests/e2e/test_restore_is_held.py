"""A hub on a restored store takes events, says that it is held, and tells after the confirmation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from hub.store.access import NewToken
from hub.store.backup import backup, renew, restore
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.tokens import issue
from tests.support.channels.receivers import FakeReceiver
from tests.support.hub_process import HubProcess, event, trackside

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as made:
        yield made


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path}/data/trackside.db")) as opened:
        migrate(opened)
        yield opened


def test_a_restored_hub_tells_nobody_until_it_is_confirmed(
    tmp_path: Path, db: Database, receiver: FakeReceiver
) -> None:
    told = {
        "allowed_networks": ["127.0.0.1"],
        "targets": [{"name": "hook", "kind": "webhook", "settings": receiver.settings()}],
        "routes": [{"name": "all", "to": "hook", "group_wait_s": 0}],
    }
    (tmp_path / "trackside.yaml").write_text(json.dumps(told))
    now = datetime.now(UTC)
    with db.writing() as connection:
        token = issue(connection, NewToken("ada", ("admin",)), actor="test", now=now).text
    backup(db, tmp_path / "backup.db", lambda *_: None)
    db.close()
    restore(db, tmp_path / "backup.db", now=now, progress=lambda *_: None)
    environment = receiver.secrets() | {"TRACKSIDE_TOKEN": token}
    headers = {"Authorization": f"Bearer {token}"}
    with ExitStack() as stack:
        hub = stack.enter_context(HubProcess(tmp_path, environment=environment))
        ask = stack.enter_context(httpx.Client(base_url=hub.url, headers=headers, timeout=60))
        assert hub.post(event(event_type="FAIL"), headers=headers).is_success
        ready = ask.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["held"].startswith("the store was restored at ")
        assert "store_held" in hub.said
        until(lambda: ask.get("/api/v1/deliveries?waiting=true").json()["deliveries"] != [])
        time.sleep(1)
        assert receiver.count() == 0
        assert ask.get("/api/v1/store/hold").json()["hold"]["why"] == "the store was restored"
        done = trackside("store", "confirm", folder=tmp_path, environment=environment, timeout=200)
        assert "nothing is held any more" in done.stdout, done.stderr
        until(lambda: receiver.count() == 1)
        assert "held" not in ask.get("/readyz").json()
        assert "store_confirmed" in ask.get("/api/v1/audit").text


def test_without_a_hub_the_store_itself_is_confirmed_and_doctor_sees_it(
    tmp_path: Path, db: Database
) -> None:
    renew(db, datetime.now(UTC))
    doctor = trackside("doctor", folder=tmp_path, timeout=100)
    assert (doctor.returncode, "the store was restored at" in doctor.stdout) == (1, True)
    done = trackside("store", "confirm", folder=tmp_path, timeout=100)
    assert "nothing is held any more" in done.stdout, done.stderr


def until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.1)
