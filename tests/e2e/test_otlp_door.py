"""Metrics of orchestrators over OTLP: whose they are must be said."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

METRICS = "/api/v1/otlp/v1/metrics"


def sent(client: TestClient, query: str = "") -> Any:
    return client.post(METRICS + query, json={"resourceMetrics": []})


def test_metrics_of_nobody_are_refused_and_it_is_said_what_to_do(client: TestClient) -> None:
    answer = sent(client)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["path"], told["found"]) == ("orchestrator", "nothing")
    assert told["expected"] == "the name of the orchestrator that sends these metrics"
    assert "?orchestrator=" in told["hint"]
    assert "None" not in answer.text


def test_metrics_of_a_named_orchestrator_are_taken(client: TestClient) -> None:
    assert sent(client, "?orchestrator=airflow-prod").status_code == 200
