"""Sensors of files on S3 and Google Cloud Storage, with the clients that the extras bring.

S3 is answered for by moto's server, Cloud Storage by a strict fake of its JSON API.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from tests.support.fake_gcs import FakeGcs
from tests.support.hub_process import ROOT, HubProcess

VENV = ROOT / ".venv-files"
PYTHON = str(VENV / "bin" / "python")

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"needs {VENV.name}"),
]

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDRIGHT",
    "AWS_SECRET_ACCESS_KEY": "right",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
Put = Callable[[str, bytes], None]


class S3:
    """One bucket of moto's."""

    def __init__(self, stack: ExitStack) -> None:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        stack.callback(server.stop)
        host, port = server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        httpx.post(f"{self.url}/moto-api/reset").raise_for_status()  # one memory for all servers
        keys = {"aws_access_key_id": "AKIDRIGHT", "aws_secret_access_key": "right"}
        session = Session()
        self._client = session.create_client("s3", "eu-west-1", endpoint_url=self.url, **keys)
        where = {"LocationConstraint": "eu-west-1"}
        self._client.create_bucket(Bucket="lake", CreateBucketConfiguration=where)

    def put(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket="lake", Key=name, Body=content)


class Place:
    """A hub that looks at a store each second, and what is put there. kind: s3 or gs."""

    def __init__(self, folder: Path, kind: str, stack: ExitStack) -> None:
        self.folder, self.kind = folder, kind
        store = S3(stack) if kind == "s3" else stack.enter_context(FakeGcs())
        self.put: Put = store.put
        self.environment = _s3(store) if isinstance(store, S3) else _gcs(store, folder)
        declared = [
            self._sensor("orders", "orders/{date:%Y}/*.csv", marker="_SUCCESS"),
            self._sensor("plain", "plain.csv"),
        ]
        told = {"version": 1, "sensors": declared, "sensor_roots": [f"{kind}://lake"]}
        (folder / "trackside.yaml").write_text(json.dumps(told))

    def _sensor(self, name: str, path: str, **settings: Any) -> dict[str, Any]:
        if self.kind == "gs":
            settings["options"] = {"token": "env:GCS_ACCOUNT"}
        path = f"{self.kind}://lake/{path}"
        return {
            "name": name,
            "kind": "file",
            "dataset": {"namespace": "files", "name": name},
            "every_s": 1,
            "settings": {"path": path, "look_back": 1, "partition": "%Y", **settings},
        }

    def serve(self, stack: ExitStack) -> None:
        hub = HubProcess(self.folder, environment=self.environment, python=PYTHON)
        self.hub = stack.enter_context(hub)

    def updates(self, sensor: str) -> list[dict[str, Any]]:
        url = f"{self.hub.url}/api/v1/namespaces/files/datasets/{sensor}/updates"
        answer = httpx.get(url, timeout=30)
        return [] if answer.status_code == 404 else list(answer.json()["updates"])

    def sensor(self, name: str) -> dict[str, Any]:
        told = httpx.get(f"{self.hub.url}/api/v1/sensors", timeout=30).json()["sensors"]
        (found,) = [one for one in told if one["name"] == name]
        return dict(found)


def _s3(store: S3) -> dict[str, str]:
    return KEYS | {"AWS_ENDPOINT_URL": store.url}


def _gcs(store: FakeGcs, folder: Path) -> dict[str, str]:
    account = folder / "account.json"
    account.write_text(store.account())
    return {
        "STORAGE_EMULATOR_HOST": store.url,
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # it asks over gRPC what a bucket is
        "GCS_ACCOUNT": str(account),
    }


@pytest.fixture(params=["s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path, request.param, stack)


def until(holds: Callable[[], Any], told: Callable[[], Any], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, told()
        time.sleep(0.5)


def test_what_comes_is_an_update_once_and_again_when_it_changes(place: Place) -> None:
    year, lake = time.strftime("%Y", time.gmtime()), f"{place.kind}://lake"
    with ExitStack() as stack:
        place.serve(stack)
        for number in range(3):
            place.put(f"orders/{year}/part-{number}.csv", b"12345")
        waits = f"_SUCCESS beside {lake}/orders/{year}/*.csv"
        until(lambda: place.sensor("orders")["waitsFor"] == waits, lambda: place.sensor("orders"))
        assert place.sensor("plain")["waitsFor"] == f"a file at {lake}/plain.csv"
        place.put(f"orders/{year}/_SUCCESS", b"")
        until(lambda: place.updates("orders"), lambda: place.sensor("orders"))
        (first,) = place.updates("orders")
        assert (first["partition"], first["bytes"], first["files"]) == (year, 15, 3)
        time.sleep(3)  # it is looked at again and again
        assert place.updates("orders") == [first]
        place.put(f"orders/{year}/part-1.csv", b"54321")  # as long as before
        until(lambda: len(place.updates("orders")) == 2, lambda: place.sensor("orders"))
        place.put("plain.csv", b"123")
        until(lambda: place.updates("plain"), lambda: place.sensor("plain"))
        assert place.updates("plain")[0]["bytes"] == 3
