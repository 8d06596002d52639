"""Somebody outside hears that the hub works, and that it does not: over HTTP, as Healthchecks has it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import worker as workers
from hub.api.hub import Hub
from hub.main import build_worker, writing
from hub.settings import Settings
from hub.store import holds
from hub.worker import Loop, Worker
from tests.support.channels.receivers import FakeReceiver
from tests.support.channels.server import Reply, Request


class Outside(FakeReceiver):
    """Notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str]] = []

    def answer(self, request: Request) -> Reply:
        self.heard.append((request.path, request.body.decode()))
        return Reply(200, {})


@pytest.fixture
def outside() -> Iterator[Outside]:
    with Outside() as outside:
        yield outside


@pytest.fixture
def hub(outside: Outside, tmp_path: Path) -> Iterator[Hub]:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'hub.db'}", heartbeat_url=f"{outside.url}/alive"
    )
    with writing(settings) as hub:
        yield hub


@pytest.fixture
def worker(hub: Hub) -> Worker:
    return build_worker(hub)


def test_a_hub_that_works_says_so(worker: Worker, outside: Outside) -> None:
    worker.run("heartbeat")
    assert outside.heard == [("/alive", "")]


def test_a_loop_that_fails_is_named(worker: Worker, outside: Outside) -> None:
    worker.add(Loop("tell", 3600, lambda _: bool(1 // 0)))
    worker.run("tell")
    worker.run("heartbeat")
    assert outside.heard == [("/alive/fail", "tell")]


def test_a_loop_that_does_not_come_to_its_end_is_named(
    worker: Worker, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        begun.set()
        may_end.wait(30)

    worker.add(Loop("tell", 3600, hang))
    hanging = threading.Thread(target=worker.run, args=["tell"])
    hanging.start()
    assert begun.wait(10)
    worker.run("heartbeat")
    monkeypatch.setattr(workers, "LONGEST_ROUND_S", 0.0)
    worker.run("heartbeat")
    may_end.set()
    hanging.join()
    assert outside.heard[0] == ("/alive", "")
    assert outside.heard[1][0] == "/alive/fail"
    assert "tell" in outside.heard[1][1]


def test_a_hub_that_tells_nobody_anything_since_a_restore_says_so(
    hub: Hub, worker: Worker, outside: Outside
) -> None:
    hub.writer.call(lambda it: holds.begin_again(it, "the store was restored", datetime.now(UTC)))
    worker.run("heartbeat")
    ((path, said),) = outside.heard
    assert (path, "the store was restored" in said) == ("/alive/fail", True)
    hub.writer.call(holds.confirm)
    worker.run("heartbeat")
    assert outside.heard[-1] == ("/alive", "")
