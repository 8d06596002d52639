"""Whatever is sent to the door: an answer that is no 5xx, and a hub that stays small and well."""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.hub_process import HubProcess, event

pytestmark = pytest.mark.timeout(300)
WRONG: tuple[Any, ...] = (
    None, True, -1, 2**70, 1e308, "", "x", "\x00", "\ud800", "x" * 100_000, [], [[]], {}, {"a": {}},
    [None] * 1000, "2026-13-45T99:99:99Z", "9" * 400,
)  # fmt: skip
PAYLOADS = Path(__file__).parents[1] / "payloads" / "airflow"
GROWTH_MIB = 150


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with HubProcess(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def client(hub: HubProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{hub.url}/api/v1", timeout=60) as client:
        yield client


def rss_mib(hub: HubProcess) -> float:
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def send(client: httpx.Client, path: str, body: bytes, **headers: str) -> httpx.Response:
    answer = client.post(
        path, content=body, headers={"Content-Type": "application/json", **headers}
    )
    assert answer.status_code < 500, (answer.status_code, body[:200], answer.text)
    return answer


def paths_of(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value within a JSON document."""
    yield path
    keys = (
        range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
    )
    for key in keys:
        yield from paths_of(value[key], (*path, key))


def replaced(document: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", ["dag_start_cron", "task_sql_complete_columnLineage"])
def test_wrong_types_at_every_path(hub: HubProcess, client: httpx.Client, name: str) -> None:
    document = json.loads((PAYLOADS / f"{name}.json").read_text())
    chance = random.Random(1)
    bodies = [
        json.dumps(replaced(document, path, value)).encode()
        for path in paths_of(document)
        for value in chance.sample(WRONG, 3)
    ]
    answers = [send(client, "lineage", body) for body in bodies]
    assert {a.status_code for a in answers} >= {201, 400}
    for refused in (a for a in answers if a.status_code == 400):
        assert refused.json()["path"].startswith("$"), refused.text


def test_random_bytes(client: httpx.Client) -> None:
    chance = random.Random(2)
    for path in ("lineage", "lineage/batch", "observations"):
        for _ in range(150):
            answer = send(client, path, chance.randbytes(chance.randrange(400)))
            assert answer.status_code in {200, 201, 400}


def test_mutilated_events(client: httpx.Client) -> None:
    body = (PAYLOADS / "dag_start_cron.json").read_bytes()
    chance = random.Random(3)
    for _ in range(300):
        start, end = sorted(chance.randrange(len(body)) for _ in range(2))
        send(client, "lineage", body[:start] + chance.randbytes(3) + body[end:])


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"run":'])
def test_deep_nesting(client: httpx.Client, opening: bytes) -> None:
    for path in ("lineage", "observations"):
        assert send(client, path, opening * 100_000).status_code == 400
    told = send(client, "lineage/batch", opening * 100_000).json()
    assert told["status"] in {400, "partial_success"}  # a line of its own is an event of its own
    facet = b'{"_producer":"x","deep":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    body = json.dumps({**event(), "run": {**event()["run"], "facets": {"x": 0}}}).encode()
    assert send(client, "lineage", body.replace(b'"x": 0', b'"x": ' + facet)).status_code == 400


def test_broken_and_bursting_gzip(hub: HubProcess, client: httpx.Client) -> None:
    before = rss_mib(hub)
    good = gzip.compress(json.dumps(event("zipped")).encode())
    assert send(client, "lineage", good, **{"Content-Encoding": "gzip"}).status_code == 201
    for broken in (good[:-9], b"\x1f\x8b" + good, zlib.compress(b"{}"), b""):
        answer = send(client, "lineage", broken, **{"Content-Encoding": "gzip"})
        assert answer.status_code == 400
    bomb = gzip.compress(bytes(300 * 2**20), 9)
    assert send(client, "lineage", bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert send(client, "lineage", good, **{"Content-Encoding": "br"}).status_code == 415
    assert rss_mib(hub) - before < GROWTH_MIB


def test_too_large_is_413(hub: HubProcess, client: httpx.Client) -> None:
    before = rss_mib(hub)
    for _ in range(5):
        assert send(client, "lineage", b" " * (6 * 2**20)).status_code == 413
    assert rss_mib(hub) - before < GROWTH_MIB


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param({"rowCount": 2**70}, id="overflow"),
        pytest.param({"rowCount": "many"}, id="a wrong type"),
    ],
)
def test_one_poisoned_event_of_five_hundred_parks_itself_alone(
    client: httpx.Client, poison: dict
) -> None:
    job = f"poison-{poison['rowCount']}"[:40]
    batch = [event(job, run) for run in range(500)]
    batch[250]["outputs"][0]["outputFacets"] = {"outputStatistics": poison}
    told = send(client, "lineage/batch", json.dumps(batch).encode()).json()
    assert told["status"] == "partial_success"
    assert told["summary"]["successful"] == 499
    (failed,) = told["failed_events"]
    assert failed["index"] == 250
    assert "$.outputs[0].outputFacets.outputStatistics.rowCount" in failed["reason"]


@pytest.mark.parametrize("name", ["NUL\x00", "half a pair \ud800"], ids=["NUL", "lone surrogate"])
def test_a_name_that_no_store_can_hold_parks_itself_alone(client: httpx.Client, name: str) -> None:
    batch = [event(f"hold-{name[:4]}".strip("\x00"), run) for run in range(500)]
    batch[499]["job"]["name"] = name
    told = send(client, "lineage/batch", json.dumps(batch).encode()).json()
    assert told["summary"]["successful"] == 499, told
    assert told["failed_events"][0]["index"] == 499


def test_the_hub_is_well_afterwards(hub: HubProcess, client: httpx.Client) -> None:
    assert send(client, "lineage", json.dumps(event("at-the-end")).encode()).status_code == 201
    assert httpx.get(f"{hub.url}/readyz").json()["status"] == "ready"
    assert rss_mib(hub) < 400
