"""kill -9 of a hub that tells: every receiver ends with what is true, and hears little twice."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.support.hub_process import HubProcess, event

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

KILLS = 6
AT_ONCE = 4  # deliveries of a target that may be under way when the hub is killed

CONFIG = """\
targets:
  - name: hook
    kind: webhook
    per_minute: 100000
    settings: {url: "env:HOOK_URL", secrets: ["env:HOOK_SECRET"]}
routes:
  - {to: hook, group_wait_s: 0, crowd: 0}
allowed_networks: ["127.0.0.0/8"]
"""


class Receiver:
    """Remembers what came, in order; slow enough to be killed at."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(json.loads(body)["data"])
                time.sleep(0.02)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def last(self) -> dict[str, str]:
        """The standing that each job was told of last."""
        return {one["subject"]: one["standing"] for one in self.got}


@contextmanager
def receiving() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def send(hub: HubProcess, job: str, run: int, kind: str) -> None:
    told = event(job, run, kind) | {"eventTime": datetime.now(UTC).isoformat()}
    for _ in range(20):
        try:
            if hub.post(told).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("it does not take events")


def test_what_is_true_is_told_through_kills(database_url: str, tmp_path: Path) -> None:
    check_what_is_told(database_url, tmp_path, KILLS)


def check_what_is_told(database_url: str, folder: Path, kills: int) -> None:
    """Kills a hub so often while jobs fail and heal."""
    with receiving() as receiver:
        _kill_often(database_url, folder, kills, receiver)


def _kill_often(database_url: str, folder: Path, kills: int, receiver: Receiver) -> None:
    (folder / "trackside.yaml").write_text(CONFIG)
    environment = {
        "TRACKSIDE_DATABASE_URL": database_url,
        "HOOK_URL": receiver.url,
        "HOOK_SECRET": "whsec_" + "A" * 43 + "=",
    }
    chance, truth, run = Random(7), dict[str, str](), 0
    with HubProcess(folder, environment=environment) as hub:
        for turn in range(kills):
            for number in range(8):
                run += 1
                job = f"job-{turn}-{number}"
                send(hub, job, run, "FAIL")
                truth[f"first:{job}"] = "OPEN"
            time.sleep(chance.random() * 2)
            for name in [name for name, standing in truth.items() if standing == "OPEN"]:
                if chance.random() < 0.4:
                    run += 1
                    send(hub, name.removeprefix("first:"), run, "COMPLETE")
                    truth[name] = "RESOLVED"
            time.sleep(chance.random())
            hub.process.kill()
            hub.process.wait()
            hub.start()
        until(lambda: true_of(receiver, truth))
        time.sleep(1)
        assert true_of(receiver, truth)
    seen = Counter((one["key"], one["version"]) for one in receiver.got)
    again = sum(seen.values()) - len(seen)
    assert again <= kills * AT_ONCE
    assert len({one["key"] for one in receiver.got}) == len(
        {one["subject"] for one in receiver.got}
    )
    for name in truth:
        told = [one["standing"] for one in receiver.got if one["subject"] == name]
        assert told == sorted(told), name  # none is opened again after it was over


def true_of(receiver: Receiver, truth: dict[str, str]) -> bool:
    """What is over before anybody heard of it need not be told."""
    last = receiver.last()
    return all(
        last.get(name, "RESOLVED" if standing == "RESOLVED" else None) == standing
        for name, standing in truth.items()
    )


def until(found: Any, timeout_s: float = 100) -> None:
    end = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < end, "it is not told"
        time.sleep(0.1)
