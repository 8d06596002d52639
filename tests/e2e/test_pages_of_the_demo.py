"""Every page of the made-up world can be reached and is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from starlette.testclient import TestClient

from hub.demo.play import play, world
from hub.main import running
from hub.settings import Settings
from hub.web.app import create_site
from tests.e2e.conftest import BASE


@pytest.fixture(scope="module")
def played(module_database_url: str) -> Iterator[TestClient]:
    with running(Settings(database_url=module_database_url)) as hub:
        then = datetime.now(UTC) - timedelta(minutes=5)
        play(hub.intake, hub.writer, world(then, 1, 1), lambda _: None)
        yield TestClient(create_site(hub), base_url=BASE)


def test_every_link_of_the_demo_leads_to_a_page(played: TestClient) -> None:
    seen: set[str] = set()
    queue = ["."]
    while queue and len(seen) < 120:
        place = queue.pop(0)
        if place in seen:
            continue
        seen.add(place)
        answer = played.get(f"/{'' if place == '.' else place}")
        assert answer.status_code == 200, (place, answer.text[:400])
        links = [unescape(link) for link in re.findall(r' href="([^"]+)"', answer.text)]
        queue += [to for to in links if not to.startswith(("http", "#", "assets", "docs"))]
    kinds = {place.partition("?")[0] for place in seen}
    assert {"jobs", "job", "run", "datasets", "dataset", "incident", "incidents"} <= kinds
