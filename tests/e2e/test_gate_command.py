"""`trackside gate`, against a hub at work; and a thousand that wait at once."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hub import cli
from tests.support.hub_process import HubProcess, event

NAME = "file:/tmp/hello.csv"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path_factory.mktemp("hub"))
    try:
        hub.start(90)
        assert hub.post(event("hello", 1)).status_code == 201
        assert hub.post(failing("bad", 2)).status_code == 201
        yield hub
    finally:
        hub.stop()


def failing(job: str, run: int, *, success: bool = False) -> dict:
    told = event(job, run)
    base = {"_producer": "https://example.org", "_schemaURL": "https://example.org/x.json"}
    check = {"assertion": "rows", "success": success}
    told["eventTime"] = f"2026-11-23T10:00:{run % 60:02}Z"
    told["outputs"][0]["facets"] = {"dataQualityAssertions": base | {"assertions": [check]}}
    return told


Gate = Callable[..., tuple[int, str]]


@pytest.fixture
def gate(
    hub: HubProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Gate:
    """Runs the command as the console script does, in an empty folder: its code and its words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str, url: str = "") -> tuple[int, str]:
        monkeypatch.setenv("TRACKSIDE_URL", url or hub.url)
        monkeypatch.setattr(sys, "argv", ["trackside", "gate", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, told.out + told.err

    return command


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((NAME,), 0, "file:/tmp/hello.csv\n  passed /tmp/hello.csv was last updated at 2026-11-23"),
        (("file:/tmp/bad.csv", "--no-incidents"), 1, "failed check rows failed (0 of 1 checks"),
        ((NAME, "--partition", "x"), 3, "unknown partition x of /tmp/hello.csv was never updated"),
        ((NAME, "--rows", "1"), 3, "at least 1 rows are asked for, and nobody told how many"),
        ((NAME, "--check", "rows"), 3, "check rows has not reported yet"),
        (("file:/tmp/helo.csv",), 2, "did you mean dataset:file:/tmp/hello.csv"),
        (("hello",), 2, "dataset:<namespace>:<name>"),
        ((NAME, "--wait", "soon"), 2, "--wait: expected a length of time"),
        ((NAME, "--severity", "huge"), 2, "query.severity"),
    ],
)
def test_the_exit_code_says_what_a_script_must_know(
    gate: Gate, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, told = gate(*arguments)
    assert found == code, told
    assert said in told


def test_a_hub_that_is_not_there_leaves_it_unknown(gate: Gate) -> None:
    code, told = gate(NAME, url="http://127.0.0.1:9")
    assert code == 3
    assert "no answer from" in told


def test_json_is_what_the_api_answers(gate: Gate) -> None:
    code, told = gate(NAME, "--json")
    assert code == 0
    assert json.loads(told)["dataset"] == {"namespace": "file", "name": "/tmp/hello.csv"}


def test_it_waits_until_the_gate_opens_or_the_time_is_over(gate: Gate) -> None:
    began = time.monotonic()
    assert gate("file:/tmp/bad.csv", "--no-incidents", "--wait", "2s")[0] == 1
    assert time.monotonic() - began > 2


@pytest.mark.soak  # a slow computer does not open so many connections in time
def test_a_thousand_wait_at_once_and_all_hear_of_it(hub: HubProcess) -> None:
    hub.post(failing("many", 3))
    asyncio.run(_wait_in_crowds(hub, 1000))


async def _wait_in_crowds(hub: HubProcess, count: int) -> None:
    path = f"{hub.url}/api/v1/gates/{quote('file:/tmp/many.csv', safe='')}"
    limits = httpx.Limits(max_connections=count + 10)
    async with httpx.AsyncClient(limits=limits, timeout=90) as client:

        async def one(number: int) -> Any:
            await asyncio.sleep(number / 500)
            return (await client.get(path, params={"wait": 80, "incidents": False})).json()

        threads = _threads(hub)
        waits = [asyncio.create_task(one(number)) for number in range(count)]
        before = await _when_all_wait(client, hub, count)
        await asyncio.sleep(4)
        after = await _figures(client, hub)
        cores = (after[CPU] - before[CPU]) / 4
        began = time.monotonic()
        opens = failing("many", 4, success=True)
        assert (await client.post(f"{hub.url}/api/v1/lineage", json=opens)).status_code == 201
        answers = await asyncio.gather(*waits)
        took, more = time.monotonic() - began, _threads(hub) - threads
    assert all(told["passed"] for told in answers)
    grown = after[MEMORY] - before[MEMORY]
    within = [more <= 40, cores < 0.5, took < 20, grown < 2**26]
    assert all(within), (more, cores, took, grown)


async def _when_all_wait(
    client: httpx.AsyncClient, hub: HubProcess, count: int
) -> dict[str, float]:
    for _ in range(150):
        told = await _figures(client, hub)
        if told["trackside_gates_waiting"] == count:
            return told
        await asyncio.sleep(0.2)
    raise TimeoutError("some never came to wait")


MEMORY = "process_resident_memory_bytes"
CPU = "process_cpu_seconds_total"


async def _figures(client: httpx.AsyncClient, hub: HubProcess) -> dict[str, float]:
    told = (await client.get(f"{hub.url}/metrics")).text
    pairs = (line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def _threads(hub: HubProcess) -> int:
    status = Path(f"/proc/{hub.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"Threads:\s+(\d+)", status)[1])  # type: ignore[index]
