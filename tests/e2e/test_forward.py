"""A hub sends what it records on to a second one, whatever happens to either."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hub.store.db import Database
from tests.support.hub_process import HubProcess, event, trackside
from tests.support.kills import kills
from tests.support.ports import free_port
from tests.support.storm import kept_events, names_of
from tests.support.tokens import make_token

LOOPBACK = ["127.0.0.0/8"]


def configured(folder: Path, *receivers: dict[str, Any], **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    told = {"forward": list(receivers), "allowed_networks": LOOPBACK, **more}
    (folder / "trackside.yaml").write_text(yaml.safe_dump(told))
    return folder


def to(port: int, **more: Any) -> dict[str, Any]:
    transport = {"type": "http", "url": f"http://127.0.0.1:{port}", "timeout": 1}
    return {"name": "other", "start": "beginning", "transport": transport, **more}


def on(folder: Path, port: int) -> HubProcess:
    return HubProcess(folder, "--port", str(port))


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def state(hub: HubProcess) -> dict[str, Any]:
    (found,) = httpx.get(f"{hub.url}/api/v1/forward").json()["receivers"]
    return dict(found)


def is_done(hub: HubProcess) -> bool:
    found = state(hub)
    return found["since"] is not None and found["waitingSince"] is None


def kept(folder: Path) -> Counter[Any]:
    with closing(Database(f"sqlite:///{folder}/data/trackside.db")) as db:
        return names_of(kept_events(db))


def send(hub: HubProcess, runs: range, job: str = "orders") -> None:
    told = [event(job, run, kind) for run in runs for kind in ("START", "COMPLETE")]
    httpx.post(f"{hub.url}/api/v1/lineage/batch", json=told, timeout=30).raise_for_status()


def test_a_second_hub_has_each_event_once_though_both_are_killed_at_random(tmp_path: Path) -> None:
    chance, port = random.Random(7), free_port()
    here = configured(tmp_path / "here", to(port))
    there = configured(tmp_path / "there")
    first, second = HubProcess(here).start(), on(there, port).start()
    try:
        for number in range(kills(2)):
            send(first, range(number * 60 + 1, number * 60 + 61))
            time.sleep(chance.uniform(0, 1))
            if number % 2:
                first.stop(signal.SIGKILL)
                first = HubProcess(here).start()
            else:
                second.stop(signal.SIGKILL)
                second = on(there, port).start()
        until(lambda: is_done(first))
    finally:
        first.stop(signal.SIGKILL)
        second.stop(signal.SIGKILL)
    assert kept(there) == kept(here)
    assert set(kept(there).values()) == {1}


def test_two_hubs_that_send_to_each_other_have_each_event_once(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    folders = [
        configured(tmp_path / name, to(other))
        for name, other in zip("ab", reversed(ports), strict=True)
    ]
    with on(folders[0], ports[0]) as a, on(folders[1], ports[1]) as b:
        send(a, range(1, 21), "of_a")
        send(b, range(101, 121), "of_b")
        until(lambda: state(a)["sent"] >= 80 and state(b)["sent"] >= 80)
        until(lambda: is_done(a) and is_done(b))
        time.sleep(1)
        assert (state(a)["sent"], state(b)["sent"]) == (80, 80)  # and then they are quiet
    assert kept(folders[0]) == kept(folders[1])
    assert set(kept(folders[0]).values()) == {1}


class Receiving:
    """A receiver that answers as the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.slow_s = 0.0
        self.got: list[str] = []

    @contextmanager
    def serve(self) -> Iterator[int]:
        receiving = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                time.sleep(receiving.slow_s)
                bad = b"of-bad" in body and receiving.status == 422
                status = 200 if receiving.status == 422 and not bad else receiving.status
                if status == 200:
                    receiving.got.append(body.decode())
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_address[1]
            server.shutdown()


def test_a_receiver_that_is_ill_slow_or_refuses_and_what_people_do_about_it(tmp_path: Path) -> None:
    receiving = Receiving()
    with receiving.serve() as port:
        only = {"jobs": ["of-*"], "event_types": ["COMPLETE"]}
        configured(tmp_path, to(port, only=only))
        token = {"TRACKSIDE_TOKEN": make_token(tmp_path, "ann", "ingest", "read", "operate")}
        head = {"Authorization": f"Bearer {token['TRACKSIDE_TOKEN']}"}

        def told() -> dict[str, Any]:
            (found,) = httpx.get(f"{hub.url}/api/v1/forward", headers=head).json()["receivers"]
            return dict(found)

        with HubProcess(tmp_path) as hub:
            receiving.status = 500
            for number, job in enumerate(("of-good", "other", "of-bad", "of-late"), 1):
                for kind in ("START", "COMPLETE"):
                    assert hub.post(event(job, number, kind), headers=head).status_code == 201
            until(lambda: "500" in (told()["error"] or ""))
            assert 'trackside_forward_trouble{receiver="other"} 1.0' in _metrics(hub)

            receiving.status, receiving.slow_s = 200, 2.0  # beyond the transport's timeout
            until(lambda: "Timeout" in (told()["error"] or ""))

            receiving.status, receiving.slow_s = 422, 0.0
            until(lambda: told()["parked"] == 1)
            until(lambda: told()["waitingSince"] is None)
            assert told()["error"] is None
            said = trackside(
                "forward", "parked", "other", folder=tmp_path, environment=token
            ).stdout
            assert "answered 422" in said

            receiving.status = 200
            assert (
                trackside(
                    "forward", "retry", "other", folder=tmp_path, environment=token
                ).returncode
                == 0
            )
            until(lambda: told()["parked"] == 0)
            said = trackside("forward", "status", folder=tmp_path, environment=token).stdout
            assert "other" in said
            assert '{receiver="other",result="sent"} 3.0' in _metrics(hub)
        done = [body for body in receiving.got if '"of-' in body]
        assert done == receiving.got
        assert len({*done}) == 3


def _metrics(hub: HubProcess) -> str:
    return httpx.get(f"{hub.url}/metrics").text


def test_where_a_receiver_may_not_be_nothing_is_sent(tmp_path: Path) -> None:
    receiving = Receiving()
    with receiving.serve() as port:
        configured(tmp_path, to(port), allowed_networks=[])
        with HubProcess(tmp_path) as hub:
            send(hub, range(1, 3))
            until(lambda: "allowed_networks" in (state(hub)["error"] or ""))
        assert receiving.got == []


WRONG = [
    (
        {"type": "http", "url": "http://x", "auth": {"type": "api_key", "apiKey": "s3cret"}},
        "apiKey",
    ),
    ({"type": "async_http", "url": "http://x"}, "use http"),
    ({"url": "http://x"}, "transport.type"),
]


@pytest.mark.parametrize(("transport", "expected"), WRONG)
def test_a_transport_that_can_not_be_is_told_and_no_secret(
    transport: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    configured(tmp_path, {"name": "other", "transport": transport})
    done = trackside("config", "check", folder=tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert expected in said
    assert "s3cret" not in said
