"""A rule is backtested over the API and from its page: in the background, for what its viewer may see."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.access import Scope
from hub.api.hub import Hub
from hub.store.access import put_team
from hub.web.app import create_site
from tests.support.pages import eventually, send, shown, signed_in
from tests.support.recording import run_event

HUSH = {"ownership": {"owners": [{"name": "team:hush-team"}]}}


def fails(client: TestClient, run: int, job: str, **more: Any) -> None:
    at = datetime.now(UTC) - timedelta(minutes=1)
    for n, kind in enumerate(("START", "FAIL")):
        event = run_event(kind, 0, run, job=job, **more)
        send(client, event | {"eventTime": (at + timedelta(seconds=n)).isoformat()})


@pytest.fixture
def world(hub: Hub, operator: TestClient) -> TestClient:
    """With two jobs that failed, one of a team that keeps to itself."""
    hub.writer.call(lambda c: put_team(c, "hush-team", private=True, now=datetime.now(UTC)))
    fails(operator, 1, "load")
    fails(operator, 2, "hush-load", job_facets=HUSH)
    return operator


def over(client: TestClient, made: dict[str, Any]) -> dict[str, Any]:
    def look() -> Any:
        told = client.get(f"/api/v1/backtests/{made['id']}").json()
        return told if told["state"] != "running" else None

    return dict(eventually(look))


def start(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/backtests", json={"rule": "failed-run", **asked})
    assert answer.status_code == 201, answer.text
    return over(client, answer.json())


def test_a_rule_as_it_stands_tells_what_it_told(world: TestClient) -> None:
    told = start(world)
    assert (told["state"], told["why"]) == ("completed", None)
    assert told["found"]["tried"]["incidents"] == 2
    assert [week["incidents"] for week in told["found"]["weeks"]] == [2]
    assert told["found"]["changes"] is None
    (listed, *_) = world.get("/api/v1/backtests").json()["backtests"]
    assert (listed["id"], listed["found"]) == (told["id"], None)


def test_a_rule_otherwise_set_is_held_against_it(world: TestClient) -> None:
    told = start(world, select={"name": "no-such-*"})["found"]
    assert (told["tried"]["incidents"], told["current"]["incidents"]) == (0, 2)
    assert {one["subject"]["name"] for one in told["changes"]["gone"]} == {"load", "hush-load"}


def test_a_stranger_is_told_nothing_of_what_is_private(world: TestClient, hub: Hub) -> None:
    mine = start(world)
    stranger = signed_in(hub, create_site(hub), Scope.READ, team="sales")
    told = start(stranger)
    assert told["found"]["tried"]["incidents"] == 1
    assert stranger.get(f"/api/v1/backtests/{mine['id']}").status_code == 404
    assert [one["id"] for one in stranger.get("/api/v1/backtests").json()["backtests"]] == [
        told["id"]
    ]
    assert world.get(f"/api/v1/backtests/{told['id']}").status_code == 200


def test_what_can_not_be_tried_is_told_and_nothing_begins(world: TestClient) -> None:
    wrong = {"settings": {"no_such": 1}}, {"calendar": "nowhere"}, {"select": {"nmae": "*"}}
    for asked in wrong:
        answer = world.post("/api/v1/backtests", json={"rule": "overrun", **asked})
        assert answer.status_code in (400, 422), answer.text
    assert "no_such" in world.post("/api/v1/backtests", json={"rule": "overrun", **wrong[0]}).text
    assert world.post("/api/v1/backtests", json={"rule": "gone"}).status_code == 404


def test_a_store_without_history_has_nothing_to_go_through(operator: TestClient) -> None:
    told = start(operator)
    assert told["state"] == "failed"
    assert "no lineage event" in told["why"]


def test_the_page_of_a_rule_starts_one_and_its_own_page_draws_it(
    world: TestClient, hub: Hub
) -> None:
    person = signed_in(hub, create_site(hub), Scope.ADMIN)
    page = shown(person, "rule?name=failed-run")
    assert 'action="backtests"' in page
    form = {"rule": "failed-run", "weeks": "1", "settings": "", "select": '{"name": "load"}'}
    answer = person.post("/backtests", data=form, follow_redirects=False)
    place = answer.headers["location"]
    assert re.fullmatch(r"backtest\?id=[0-9a-f]{16}", place)
    eventually(lambda: "Look again" not in shown(person, place))
    done = shown(person, place)
    assert "Against the rule as it stands" in done
    assert "incidents by week, by their labels" in done
    assert "hush-load" in done  # no longer told
    assert place in shown(person, "rule?name=failed-run")


def test_what_was_mistyped_is_shown_again_with_what_is_wrong(world: TestClient, hub: Hub) -> None:
    person = signed_in(hub, create_site(hub), Scope.READ)
    for typed in ("{", "[]", '{"no_such": 1}'):
        form = {"rule": "failed-run", "weeks": "4", "settings": typed}
        answer = person.post("/backtests", data=form)
        assert answer.status_code == 400, answer.text
        assert "Not begun" in answer.text
