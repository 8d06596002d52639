"""A hub that is told to stop finishes what it accepted, and what it answered is there."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.hub_process import HubProcess, event


def recorded(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "data" / "trackside.db")) as store:
        found: int = store.execute("SELECT count(*) FROM lineage_event").fetchone()[0]
        return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_told_to(tmp_path: Path, number: int) -> None:
    with HubProcess(tmp_path) as hub:
        assert hub.post(event()).status_code == 201
        assert hub.stop(number, seconds=10) == 0
    assert "hub_stopped" in hub.said
    assert "Traceback" not in hub.said
    assert recorded(tmp_path) == 1


def test_under_load_all_that_was_answered_is_stored_and_no_answer_is_broken(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        statuses = asyncio.run(send_until_it_is_gone(hub))
        assert hub.process.wait(30) == 0
    assert set(statuses) <= {201, 503}
    assert recorded(tmp_path) == statuses.count(201)
    assert statuses.count(201) > 100


async def send_until_it_is_gone(hub: HubProcess) -> list[int]:
    statuses: list[int] = []
    numbers = iter(range(1, 1_000_000))

    async def sender(client: httpx.AsyncClient) -> None:
        while True:
            try:
                answer = await client.post("/api/v1/lineage", json=event(run=next(numbers)))
            except httpx.ConnectError:
                return  # the door is closed
            except (httpx.RemoteProtocolError, httpx.ReadError):
                return  # an idle connection was closed under the request; nothing was answered
            statuses.append(answer.status_code)
            if len(statuses) == 150:
                hub.process.send_signal(signal.SIGTERM)

    async with httpx.AsyncClient(base_url=hub.url, timeout=30) as client:
        await asyncio.gather(*(sender(client) for _ in range(32)))
    return statuses
