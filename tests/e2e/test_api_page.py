"""The page that shows the API to people needs nothing but the hub."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

STRICT = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"}


def named(page: str) -> list[str]:
    return re.findall(r'(?:src|href|url)(?:=|: )"([^"]+)"', page)


@pytest.fixture
def page(client: TestClient) -> str:
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def test_all_that_the_page_names_is_answered_by_the_hub(client: TestClient, page: str) -> None:
    found = [*named(page), *named(client.get("/docs/start.js").text)]
    assert {"docs/start.js", "docs/swagger-ui-bundle.js", "openapi.json"} <= set(found)
    for name in found:
        assert ":" not in name
        assert not name.startswith("/"), "a proxy may serve the hub below a path"
        answer = client.get(f"/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_may_load_and_ask_nobody_else(client: TestClient, page: str) -> None:
    policy = client.get("/docs").headers["content-security-policy"].split("; ")
    assert set(policy) >= STRICT
    assert "unsafe" not in " ".join(policy)
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=", page) == []


def test_there_is_no_other_such_page(client: TestClient) -> None:
    assert client.get("/redoc").status_code == 404
    assert client.get("/docs/../pyproject.toml").status_code == 404
    assert client.get("/docs/index.html").status_code == 404
