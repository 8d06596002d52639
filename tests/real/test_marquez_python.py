"""marquez-python against a live hub: every call that Marquez itself serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvicorn

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken

marquez_client = pytest.importorskip("marquez_client", reason="marquez-python is not installed")

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),  # its calls are deprecated by themselves
]
NS, DATASET, JOB = "lake/house", "s3/orders.csv", "etl/load orders"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("hub") / "trackside.db"
    settings = Settings(database_url=f"sqlite:///{path}")
    with running(settings) as hub:
        wanted = NewToken(name="client", scopes=(Scope.ADMIN,), namespaces=("*",))
        issued = hub.writer.call(
            lambda connection: tokens.issue(connection, wanted, actor="t", now=datetime.now(UTC))
        )
        hub.authenticator.forget()
        config = uvicorn.Config(create_app(hub), port=0, log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        yield marquez_client.MarquezClient(url=_url(server, Path(path)), api_key=issued.text)
        server.should_exit = True
        thread.join()


def _url(server: uvicorn.Server, _: Path) -> str:
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_namespaces(client: Any) -> None:
    assert client.create_namespace(NS, "ann", "ours")["name"] == NS
    assert client.get_namespace(NS)["ownerName"] == "ann"
    assert NS in [each["name"] for each in client.list_namespaces()["namespaces"]]


def test_sources(client: Any) -> None:
    made = client.create_source("my/pg", "POSTGRESQL", "jdbc:postgresql://localhost:5432/x", "ours")
    assert client.get_source("my/pg") == made
    assert made in client.list_sources()["sources"]


def test_datasets_and_their_tags(client: Any) -> None:
    client.create_tag("PII", "personal")
    assert {"name": "PII", "description": "personal"} in client.list_tags()["tags"]
    made = client.create_dataset(
        NS,
        DATASET,
        marquez_client.models.DatasetType.DB_TABLE,
        "public.orders",
        "my/pg",
        description="all",
        fields=[{"name": "id", "type": "INTEGER", "tags": [], "description": "key"}],
        tags=["GOLD"],
    )
    assert made["fields"][0]["name"] == "id"
    assert client.get_dataset(NS, DATASET)["tags"] == ["GOLD"]
    assert client.list_datasets(NS)["totalCount"] == 1
    assert "PII" in client.tag_dataset(NS, DATASET, "PII")["tags"]
    assert client.tag_dataset_field(NS, DATASET, "id", "PII")["fields"][0]["tags"] == ["PII"]


def test_jobs_runs_and_versions(client: Any) -> None:
    job = client.create_job(
        NS,
        JOB,
        marquez_client.models.JobType.BATCH,
        location="https://git.example/x",
        inputs=[],
        outputs=[marquez_client.models.DatasetId(NS, DATASET)],
        description="loads",
    )
    assert job["outputs"] == [{"namespace": NS, "name": DATASET}]
    run_id = str(uuid4())
    made = client.create_job_run(NS, JOB, run_id=run_id, run_args={"a": "b"})
    assert (made["id"], made["state"]) == (run_id, "NEW")
    assert client.mark_job_run_as_started(run_id)["state"] == "RUNNING"
    client.create_dataset(
        NS,
        DATASET,
        marquez_client.models.DatasetType.DB_TABLE,
        "public.orders",
        "my/pg",
        run_id=run_id,
    )
    assert client.mark_job_run_as_completed(run_id)["state"] == "COMPLETED"
    assert client.get_job_run(run_id)["state"] == "COMPLETED"
    assert client.get_job(NS, JOB)["latestRun"]["id"] == run_id
    assert client.list_jobs(NS)["totalCount"] == 1
    assert client.list_job_runs(NS, JOB)["totalCount"] == 1
    (version, *_) = client.list_dataset_versions(NS, DATASET)["versions"]
    assert client.get_dataset_version(NS, DATASET, version["version"]) == version


@pytest.mark.parametrize(("mark", "state"), [("failed", "FAILED"), ("aborted", "ABORTED")])
def test_runs_that_end_otherwise(client: Any, mark: str, state: str) -> None:
    run = client.create_job_run(NS, JOB, mark_as_running=True)
    assert run["state"] == "RUNNING"
    assert getattr(client, f"mark_job_run_as_{mark}")(run["id"])["state"] == state


def test_column_lineage(client: Any) -> None:
    for graph in (
        client.get_column_lineage_by_dataset(NS, DATASET),
        client.get_column_lineage_by_dataset_field(NS, DATASET, "id", with_downstream=True),
        client.get_column_lineage_by_job(NS, JOB),
    ):
        assert "graph" in graph


def test_what_marquez_does_not_serve_is_an_error_for_the_client_too(client: Any) -> None:
    with pytest.raises(marquez_client.errors.APIError):
        client.list_events()
