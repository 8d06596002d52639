"""Markup in whatever somebody sends or types is shown as text, on every page."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

import pytest
from starlette.testclient import TestClient

from hub.access import Scope
from hub.main import running
from hub.settings import Settings
from hub.web.app import create_site
from tests.support import markup
from tests.support.markup import NASTY
from tests.support.pages import ENGINE, signed_in

#: Pages that show none of it: what they show is not for others to choose.
WITHOUT: Final = frozenset(
    {
        "rules",
        "settings",
        "maintenance",
        "tokens",
        "log",
        "advice",
        "quality",
        "rule?name=failed-run",
    }
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An admin of a hub that is full of it."""
    folder: Path = tmp_path_factory.mktemp("markup")
    (folder / "key").write_text(secrets.token_urlsafe(48))
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder}/hub.db",
            "orchestrators": [ENGINE],
            "sign_in": {"signing_key": f"file:{folder}/key"},
        }
    )
    with running(settings) as hub:
        client = signed_in(hub, create_site(hub), Scope.ADMIN)
        markup.play(client)
        yield client


def test_it_is_text_on_every_page(world: TestClient) -> None:
    places = markup.places(world) | {"shared": markup.shared(world)}
    for what, place in places.items():
        answer = world.get(f"/{place}")
        assert answer.status_code in (200, 400, 404, 409), (what, answer.text)
        assert answer.headers["content-type"].startswith("text/html"), what
        assert "<script>window" not in answer.text, what
        assert "<img src=x" not in answer.text, what
        assert 'href="javascript' not in answer.text.lower(), what
        if what not in WITHOUT:
            assert "&lt;script&gt;" in answer.text, f"{what} shows none of it"


def test_the_picture_of_lineage_is_no_page(world: TestClient) -> None:
    answer = world.get("/lineage-graph", params={"node": f"job:jobs:{NASTY}"})
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert NASTY in {node["name"] for node in answer.json()["nodes"]}


def test_what_an_editor_is_told_while_one_types_is_text(world: TestClient) -> None:
    fragment = world.post("/condition", data={"when": NASTY}).text
    assert "<script>" not in fragment
    assert escape("<script>") in fragment
