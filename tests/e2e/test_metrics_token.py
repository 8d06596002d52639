"""With `metrics_token` set nobody reads the figures without that secret; probes answer all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from hub.api.app import create_app
from hub.main import running
from hub.settings import Settings

HOST = {"Host": "127.0.0.1:8080"}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "metrics"
    file.write_text("s3cret\n")
    return file


@pytest.fixture
def client(tmp_path: Path, secret: Path) -> Iterator[TestClient]:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    with running(Settings(database_url=url, metrics_token=f"file:{secret}")) as hub:
        yield TestClient(create_app(hub), headers=HOST, raise_server_exceptions=False)


def read(client: TestClient, authorization: str | None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    return client.get("/metrics", headers=headers).status_code


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer other", "Basic s3cret", "s3cret"])
def test_without_it_nothing_is_told(client: TestClient, shown: str | None) -> None:
    headers = {} if shown is None else {"Authorization": shown}
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (
        401,
        "/metrics: send the secret that metrics_token names, as Bearer",
    )
    assert "trackside_" not in answer.text
    assert "s3cret" not in answer.text


def test_with_it_the_figures_are_told(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"Authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    assert "trackside_events_total" in answer.text


def test_another_secret_in_its_place_counts_from_then_on(client: TestClient, secret: Path) -> None:
    assert read(client, "Bearer s3cret") == 200
    secret.write_text("another")
    assert (read(client, "Bearer s3cret"), read(client, "Bearer another")) == (401, 200)


def test_a_secret_that_is_gone_lets_nobody_in(client: TestClient, secret: Path) -> None:
    secret.unlink()
    assert read(client, "Bearer s3cret") >= 500


def test_probes_need_none(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
