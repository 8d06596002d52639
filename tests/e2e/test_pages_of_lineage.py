"""The picture of lineage holds what was asked for, and pages hear at once of what they may see."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from hub.model import Viewer
from hub.store.access import put_team
from hub.web.app import create_site
from tests.e2e.conftest import BASE
from tests.support.recording import dataset, run_event

NASTY = "<script>alert('x')</script>"


@pytest.fixture
def site(hub: Hub) -> TestClient:
    client = TestClient(create_site(hub), base_url=BASE, raise_server_exceptions=False)
    _send(
        client,
        run_event("COMPLETE", 0, 1, job="load", inputs=["raw"], outputs=[_orders()]),
        run_event("COMPLETE", 1, 2, job="sum", inputs=["orders"], outputs=[_revenue()]),
        run_event("COMPLETE", 2, 3, job="send", inputs=["revenue"], outputs=["mail"]),
    )
    return client


def _orders() -> dict[str, Any]:
    fields = [{"name": "price", "type": "int"}, {"name": "note", "type": "text"}]
    return dataset("orders") | {"facets": {"schema": {"fields": fields}}}


def _revenue() -> dict[str, Any]:
    source = {"namespace": "db", "name": "orders", "field": "price"}
    lineage = {"fields": {"total": {"inputFields": [source]}}}
    return dataset("revenue") | {"facets": {"columnLineage": lineage}}


def _send(client: TestClient, *events: dict[str, Any]) -> None:
    for event in events:
        assert client.post("/api/v1/lineage", json=event).status_code == 201


def _graph(client: TestClient, **asked: str | int) -> dict[str, Any]:
    answer = client.get("/lineage-graph", params={"node": "dataset:db:orders", **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _names(graph: dict[str, Any]) -> set[str]:
    return {node["name"] for node in graph["nodes"]}


def test_the_graph_goes_as_far_as_asked_and_tells_where_it_goes_on(site: TestClient) -> None:
    graph = _graph(site, up=1, down=1)
    assert _names(graph) == {"raw", "load", "orders", "sum", "revenue"}
    assert [node["name"] for node in graph["nodes"] if node.get("more")] == ["revenue"]
    opened = _graph(site, up=1, down=1, open="dataset:db:revenue")
    assert _names(opened) - _names(graph) == {"send", "mail"}


def test_lines_follow_the_data(site: TestClient) -> None:
    graph = _graph(site, up=1, down=0)
    names = [node["name"] for node in graph["nodes"]]
    lines = {(names[a], names[b]) for a, b in graph["lines"]}
    assert lines == {("raw", "load"), ("load", "orders")}


def test_what_is_alike_is_drawn_as_one_and_can_be_taken_apart(site: TestClient) -> None:
    graph = _graph(site, by="namespace")
    assert {(node["name"], node.get("many", 1)) for node in graph["nodes"]} == {
        ("orders", 1), ("prod", 3), ("db", 3),
    }  # fmt: skip
    apart = _graph(site, by="namespace", apart="namespace:prod")
    assert _names(apart) == {"orders", "load", "sum", "send", "db"}


def test_the_way_to_a_far_node_is_found_and_stands_out(site: TestClient) -> None:
    graph = _graph(site, up=0, down=0, to="dataset:db:mail")
    assert _names(graph) == {"orders", "sum", "revenue", "send", "mail"}
    assert all(node["way"] for node in graph["nodes"])
    assert not _graph(site, up=0, down=0, to="job:prod:load", asOf="2020-01-01T00:00:00Z")["found"]


def test_who_is_hit_by_the_loss_of_a_column_is_told(site: TestClient) -> None:
    hits = {
        hit["name"]: (hit["columns"], hit["jobs"]) for hit in _graph(site, column="price")["hit"]
    }
    assert hits["revenue"] == (["total"], ["send"])
    assert "revenue" not in {hit["name"] for hit in _graph(site, column="note")["hit"]}


def test_the_page_takes_what_its_form_leaves_empty(site: TestClient) -> None:
    answer = site.get(
        "/lineage", params={"node": "dataset:db:orders", "to": "", "asOf": "", "column": ""}
    )
    assert answer.status_code == 200
    assert 'id="lineage"' in answer.text


def test_what_is_not_known_is_told_where_it_is_asked_for(site: TestClient) -> None:
    assert site.get("/lineage", params={"node": NASTY}).status_code == 400
    answer = site.get("/lineage", params={"node": f"job:prod:{NASTY}"})
    assert (answer.status_code, NASTY in answer.text) == (404, False)


def test_a_page_hears_of_what_it_may_see_and_of_nothing_else(hub: Hub, site: TestClient) -> None:
    owned = {"ownership": {"owners": [{"name": "team:secret"}]}}

    async def heard() -> list[bytes]:
        stream = hub.live.stream(Viewer(), None)
        async with aclosing(stream):
            found = [await anext(stream)]
            _send(site, run_event("START", 5, 8, job="hush", job_facets=owned))
            _send(site, run_event("START", 5, 9, job="load"))
            found.append(await asyncio.wait_for(anext(stream), 30))
        again = hub.live.stream(Viewer(), found[0].split(b"id: ")[1].split(b"\n")[0].decode())
        async with aclosing(again):
            found += [await anext(again), await asyncio.wait_for(anext(again), 30)]
        return found

    hub.writer.call(
        lambda connection: put_team(connection, "secret", private=True, now=datetime.now(UTC))
    )
    hello, news, _, missed = asyncio.run(heard())
    assert hello.startswith(b"event: hello")
    assert news.startswith(b"event: news")
    assert missed.startswith(b"event: news")
