"""Markup in whatever somebody sends or types does nothing in a real browser."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import markup
from tests.support.browser import CHROMIUM, Browser
from tests.support.hub_process import HubProcess
from tests.support.markup import NASTY
from tests.support.pages import ENGINE
from tests.support.tokens import make_token

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]

DONE = "!window.bitten && !document.querySelector('img[src=x]')"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Browser]]:
    folder: Path = tmp_path_factory.mktemp("markup")
    (folder / "key").write_text(secrets.token_urlsafe(48))
    told = {"signing_key": f"file:{folder.resolve()}/key"}
    file = {"version": 1, "orchestrators": [ENGINE], "sign_in": told}
    (folder / "trackside.yaml").write_text(json.dumps(file))
    token = make_token(folder, "ada", "admin")
    with HubProcess(folder) as hub, Browser(folder) as browser:
        headers = {"authorization": f"Bearer {token}", "origin": hub.url}
        with httpx.Client(
            base_url=hub.url, headers=headers, timeout=60, follow_redirects=True
        ) as client:
            markup.play(client)
            browser.sign_in(hub.url, token)
            yield client, browser


def opened(world: tuple[httpx.Client, Browser], place: str, until: str = "true") -> list[str]:
    """What the page complains of, but for that it is not there."""
    client, browser = world
    complaints = browser.open(str(client.base_url.join(f"/{place}")), until=until)
    return [line for line in complaints if not any(each in line for each in ("404", "400"))]


def test_it_does_nothing_on_any_page(world: tuple[httpx.Client, Browser]) -> None:
    client, browser = world
    places = markup.places(client) | {"shared": markup.shared(client)}
    for what, place in places.items():
        assert opened(world, place) == [], what
        assert browser.evaluate(DONE) is True, what


def test_the_picture_of_lineage_tells_it_as_text(world: tuple[httpx.Client, Browser]) -> None:
    client, browser = world
    place = markup.places(client)["lineage of a column"]
    assert opened(world, place, until="document.querySelector('#listed li')") == []
    browser.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for part in ("about", "listed", "hit-list"):
        assert NASTY in browser.evaluate(f"document.getElementById('{part}').innerText"), part
    assert browser.evaluate(DONE) is True


def test_what_one_types_into_the_editor_does_nothing(world: tuple[httpx.Client, Browser]) -> None:
    browser = world[1]
    opened(world, "subscription-edit")
    browser.evaluate(
        "(() => { const field = document.querySelector('[name=when]');"
        f" field.value = {json.dumps(NASTY)};"
        " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    browser.wait("document.body.innerText.includes('Not yet')")
    assert browser.evaluate(DONE) is True
