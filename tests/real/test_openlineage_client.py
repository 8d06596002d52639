"""The real OpenLineage Python client writes to a real hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    RunFacet,
    error_message_run,
    nominal_time_run,
    schema_dataset,
)
from openlineage.client.uuid import generate_new_uuid

from tests.support.hub_process import HubProcess
from tests.support.tokens import make_token

pytestmark = pytest.mark.real

NAMESPACE = "client-tests"
PRODUCER = "https://example.org/trackside/tests"
START = datetime(2026, 11, 1, 6, tzinfo=UTC)


class Known:
    """A hub that asks for tokens, and one that may send and read."""

    def __init__(self, hub: HubProcess, token: str) -> None:
        self.url = hub.url
        self.token = token

    def get(self, path: str) -> Any:
        answer = httpx.get(
            f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        answer.raise_for_status()
        return answer.json()

    def transport(self, kind: str, **more: Any) -> dict[str, Any]:
        auth = {"type": "api_key", "apiKey": self.token}
        return {"type": kind, "url": self.url, "auth": auth, **more}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    folder = tmp_path_factory.mktemp("hub")
    token = make_token(folder, "sender", "ingest", "read")
    with HubProcess(folder) as process:
        yield Known(process, token)


def _event(job: str, run: str, state: RunState, minute: int) -> RunEvent:
    columns = [schema_dataset.SchemaDatasetFacetFields(name="id", type="int")]
    facets: dict[str, RunFacet] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=START.isoformat(), nominalEndTime=START.isoformat()
        )
    }
    if state == RunState.FAIL:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message="ValueError: no rows", programmingLanguage="python"
        )
    return RunEvent(
        eventType=state,
        eventTime=(START + timedelta(minutes=minute)).isoformat(),
        run=Run(runId=run, facets=facets),
        job=Job(namespace=NAMESPACE, name=job),
        producer=PRODUCER,
        inputs=[InputDataset(namespace="s3://lake", name="raw/orders")],
        outputs=[
            OutputDataset(
                namespace="postgres://dwh:5432",
                name=f"shop.public.{job}",
                facets={"schema": schema_dataset.SchemaDatasetFacet(fields=columns)},
            )
        ],
    )


def _send(client: OpenLineageClient, job: str, end: RunState = RunState.COMPLETE) -> str:
    run = str(generate_new_uuid())
    client.emit(_event(job, run, RunState.START, 0))
    client.emit(_event(job, run, end, 7))
    return run


def _run(hub: Known, run: str) -> Any:
    return hub.get(f"/jobs/runs/{run}")


def test_http_with_an_api_key_and_gzip(hub: Known) -> None:
    client = OpenLineageClient(
        config={"transport": hub.transport("http", endpoint="api/v1/lineage", compression="gzip")}
    )
    run = _send(client, "orders_gzip")
    found = _run(hub, run)
    assert found["state"] == "COMPLETED"
    assert found["durationMs"] == 7 * 60_000
    assert found["nominalStartTime"].startswith("2026-11-01T06:00:00")
    job = hub.get(f"/namespaces/{NAMESPACE}/jobs/orders_gzip")
    assert job["outputs"] == [
        {"namespace": "postgres://dwh:5432", "name": "shop.public.orders_gzip"}
    ]


def test_a_failed_run_shows_its_error(hub: Known) -> None:
    client = OpenLineageClient(config={"transport": hub.transport("http")})
    run = _send(client, "orders_failing", RunState.FAIL)
    found = _run(hub, run)
    assert found["state"] == "FAILED"
    assert found["facets"]["errorMessage"]["message"] == "ValueError: no rows"


def test_async_http_with_a_hundred_posts_at_a_time(hub: Known) -> None:
    config = hub.transport("async_http", max_concurrent_requests=100)
    client = OpenLineageClient(config={"transport": config})
    runs = [_send(client, f"orders_async_{n % 20}") for n in range(300)]
    client.transport.wait_for_completion(60)  # type: ignore[attr-defined]
    client.close()
    states = {_run(hub, run)["state"] for run in runs}
    assert states == {"COMPLETED"}


def test_composite_goes_on_when_another_receiver_is_away(hub: Known) -> None:
    away = {"type": "http", "url": "http://127.0.0.1:9", "retry": {"total": 0}}
    client = OpenLineageClient(
        config={
            "transport": {
                "type": "composite",
                "continue_on_failure": True,
                "transports": [away, hub.transport("http")],
            }
        }
    )
    run = _send(client, "orders_composite")
    assert _run(hub, run)["state"] == "COMPLETED"


def test_a_wrong_key_is_refused_and_said_so(hub: Known) -> None:
    answer = httpx.post(
        f"{hub.url}/api/v1/lineage",
        json={},
        headers={"Authorization": "Bearer tsk_wrong"},
    )
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert "trackside token create" in answer.text
    assert "tsk_wrong" not in answer.text


def test_everything_that_was_sent_is_there_once(hub: Known, tmp_path: Path) -> None:
    client = OpenLineageClient(config={"transport": hub.transport("http")})
    run = str(generate_new_uuid())
    event = _event("orders_twice", run, RunState.COMPLETE, 1)
    client.emit(event)
    client.emit(event)
    assert len(hub.get(f"/jobs/runs/{run}/events")["events"]) == 1
