"""Subscriptions over HTTP: made, explained, paused, rehearsed; and whose they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken, put_team
from tests.e2e.conftest import BASE, _empty, headers_of_admin
from tests.support.recording import run_event

API = "/api/v1"
ENGINE = {
    "name": "engine",
    "kind": "engine",
    "namespaces": ["jobs"],
    "settings": {"launch": "pull"},
}
GRANTS = [{"team": "sales", "orchestrator": "engine", "job": "mart*", "conf": ["day"]}]
FILED = {"name": "filed", "when": "db/filed", "launch": {"orchestrator": "engine", "job": "mart"}}

Clients = Callable[..., TestClient]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    settings = Settings(
        database_url=module_database_url,
        orchestrators=[ENGINE],
        grants=GRANTS,
        subscriptions=[FILED],
    )
    with running(settings) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    module_hub.authenticator.forget()
    yield module_hub
    _empty(module_hub)


@pytest.fixture
def admin(hub: Hub) -> TestClient:
    app = create_app(hub)
    return TestClient(app, base_url=BASE, headers=headers_of_admin(hub))


@pytest.fixture
def member(hub: Hub) -> Clients:
    """Somebody of a team."""

    def make(team: str, *scopes: Scope) -> TestClient:
        given = scopes or (Scope.READ, Scope.TRIGGER, Scope.OPERATE)
        wanted = NewToken(
            name=f"of-{team}-{'-'.join(given)}", scopes=given, team=team, namespaces=("nothing",)
        )
        issued = hub.writer.call(
            lambda c: tokens.issue(c, wanted, actor="test", now=datetime.now(UTC))
        )
        hub.authenticator.forget()
        headers = {"Authorization": f"Bearer {issued.text}"}
        return TestClient(create_app(hub), base_url=BASE, headers=headers)

    return make


def wanted(name: str = "mart", when: str = "db/orders", **told: Any) -> dict[str, Any]:
    launch = {"orchestrator": "engine", "job": "mart", "conf": {"day": "{partition}"}}
    return {"name": name, "when": when, "launch": launch, **told}


def send(admin: TestClient, run: int, *outputs: Any, job: str = "load", **more: Any) -> None:
    for kind in ("START", "COMPLETE"):
        event = run_event(kind, run, run, job=job, outputs=outputs, **more)
        event["eventTime"] = datetime.now(UTC).isoformat()
        sent = admin.post(f"{API}/lineage", json=event)
        assert sent.status_code < 300, sent.text


def eventually(look: Callable[[], Any]) -> Any:
    for _ in range(200):
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


def asked(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_update_launches_and_every_step_of_it_is_to_be_seen(
    admin: TestClient, member: Clients
) -> None:
    sales = member("sales")
    made = asked(
        sales.post(f"{API}/subscriptions", json=wanted(when="all(db/orders, db/items)")), 201
    )
    assert (made["team"], made["state"], made["managedBy"]) == ("sales", "idle", None)
    assert made["spec"]["launch"]["namespace"] == "jobs"
    assert [one["known"] for one in made["inputs"]] == [False, False]
    send(admin, 1, "orders")
    waiting = eventually(lambda: sales.get(f"{API}/subscriptions/mart/arrivals").json()["arrivals"])
    assert waiting[0]["fate"] == "waiting"
    why = asked(sales.get(f"{API}/subscriptions/mart/why"))
    assert "waits" in why["sentence"]
    assert "db/items" in why["sentence"]
    send(admin, 2, "items")
    (launch,) = eventually(
        lambda: sales.get(f"{API}/subscriptions/mart/launches").json()["launches"]
    )
    assert (launch["job"], launch["team"]) == ({"namespace": "jobs", "name": "mart"}, "sales")
    told = asked(
        sales.get(f"{API}/subscriptions/mart/why", params={"update": waiting[0]["update"]})
    )
    assert told["sentence"].startswith(f"Update {waiting[0]['update']} was launched (launch")
    assert [one["fate"] for one in told["arrivals"]] == ["launched"]


def test_who_may_not_launch_the_job_may_not_subscribe_to_launch_it(member: Clients) -> None:
    other = wanted() | {"launch": {"orchestrator": "engine", "job": "payroll"}}
    refused = member("sales").post(f"{API}/subscriptions", json=other)
    assert refused.status_code == 403
    assert "team sales may not launch payroll" in refused.json()["detail"]
    conf = wanted() | {"launch": {"orchestrator": "engine", "job": "mart", "conf": {"x": 1}}}
    assert member("sales", Scope.TRIGGER).post(f"{API}/subscriptions", json=conf).status_code == 403
    reader = member("sales", Scope.READ)
    assert reader.post(f"{API}/subscriptions", json=wanted()).status_code == 403
    nowhere = wanted() | {"launch": {"orchestrator": "nowhere", "job": "mart"}}
    assert member("sales", Scope.TRIGGER, Scope.INGEST, Scope.READ, Scope.OPERATE).post(
        f"{API}/subscriptions", json=nowhere
    ).status_code == 404  # fmt: skip


def test_a_team_changes_its_own_subscriptions_only(admin: TestClient, member: Clients) -> None:
    sales, ads = member("sales"), member("ads")
    asked(sales.post(f"{API}/subscriptions", json=wanted()), 201)
    assert sales.post(f"{API}/subscriptions", json=wanted()).status_code == 409
    assert ads.post(f"{API}/subscriptions", json=wanted("b", team="sales")).status_code == 403
    for method, path in (("put", ""), ("delete", ""), ("post", "/pause")):
        given = {"json": wanted()} if method == "put" else {}
        answer = getattr(ads, method)(f"{API}/subscriptions/mart{path}", **given)
        assert answer.status_code == 403, (method, path)
    changed = asked(sales.put(f"{API}/subscriptions/mart", json=wanted(when="db/items")))
    assert changed["spec"]["when"] == "db/items"
    assert sales.delete(f"{API}/subscriptions/mart").status_code == 204
    assert sales.get(f"{API}/subscriptions/mart").status_code == 404
    done = [one["action"] for one in admin.get(f"{API}/audit").json()["actions"]]
    assert done[:3] == ["subscription_removed", "subscription_changed", "subscription_added"]


def test_what_the_file_manages_is_read_only_and_says_so(hub: Hub) -> None:
    # The file is applied by the first round, before this test's store was emptied.
    with running(hub.settings.model_copy(update={"database_url": _another(hub)})) as mine:
        admin = TestClient(create_app(mine), base_url=BASE, headers=headers_of_admin(mine))
        (one,) = eventually(lambda: admin.get(f"{API}/subscriptions").json()["subscriptions"])
        assert (one["name"], one["managedBy"]) == ("filed", "trackside.yaml")
        refused = admin.delete(f"{API}/subscriptions/filed")
        assert refused.status_code == 409
        assert "trackside.yaml" in refused.json()["detail"]
        assert asked(admin.post(f"{API}/subscriptions/filed/pause"))["state"] == "paused"


def _another(hub: Hub) -> str:
    if hub.db.is_sqlite:
        return hub.settings.database_url.replace(".db", "-another.db")
    pytest.skip("one database is enough to show it")


def test_a_subscription_that_would_launch_itself_is_refused_with_the_way(
    admin: TestClient, member: Clients
) -> None:
    send(admin, 1, "marts", job="mart", namespace="jobs")
    send(admin, 2, "report", job="reports", inputs=["marts"])
    sales = member("sales")
    refused = sales.post(f"{API}/subscriptions", json=wanted(when="db/report"))
    assert refused.status_code == 409
    way = refused.json()["detail"]
    assert (
        "subscription mart -> job jobs/mart -> dataset db/marts -> job prod/reports -> "
        "dataset db/report -> subscription mart"
    ) in way


def test_a_pause_holds_and_a_resume_says_how_to_go_on(admin: TestClient, member: Clients) -> None:
    sales = member("sales")
    asked(sales.post(f"{API}/subscriptions", json=wanted()), 201)
    asked(sales.post(f"{API}/subscriptions/mart/pause", json={"reason": "a move"}))
    send(admin, 1, "orders")
    send(admin, 2, "orders")
    held = eventually(
        lambda: (
            len(sales.get(f"{API}/subscriptions/mart/arrivals?fate=held").json()["arrivals"]) == 2
        )
    )
    assert held
    why = asked(sales.get(f"{API}/subscriptions/mart/why"))["sentence"]
    assert why == "mart is paused by of-sales-read-trigger-operate: a move; one partition is held."
    assert sales.post(f"{API}/subscriptions/mart/resume", json={}).status_code == 422
    asked(sales.post(f"{API}/subscriptions/mart/resume", json={"how": "replay"}))
    launches = eventually(
        lambda: (
            found
            if len(found := sales.get(f"{API}/subscriptions/mart/launches").json()["launches"]) == 2
            else None
        )
    )
    assert len(launches) == 2
    again = sales.post(f"{API}/subscriptions/mart/resume", json={"how": "coalesce"})
    assert again.status_code == 409


def test_a_dry_run_shows_what_the_past_would_have_launched_and_launches_nothing(
    admin: TestClient, member: Clients
) -> None:
    for run in range(1, 4):
        send(admin, run, "orders")
    sales = member("sales")
    told = asked(sales.post(f"{API}/subscriptions/dry-run", json={"spec": wanted()}))
    assert (told["updates"], told["launched"], told["fates"]) == (3, 3, {"launched": 3})
    slow = wanted(when="db/orders debounce 1h")
    told = asked(sales.post(f"{API}/subscriptions/dry-run", json={"spec": slow}))
    assert (told["launched"], told["fates"]) == (0, {"waiting": 3})
    assert admin.get(f"{API}/launches").json()["launches"] == []
    assert sales.post(f"{API}/subscriptions/dry-run", json={}).status_code == 400


def test_a_producing_team_offers_its_datasets_and_sees_who_depends_on_them(
    hub: Hub, admin: TestClient, member: Clients
) -> None:
    owned = {
        "namespace": "db",
        "name": "orders",
        "facets": {"ownership": {"owners": [{"name": "team:shop"}]}},
    }
    send(admin, 1, owned)
    shop, sales = member("shop"), member("sales")
    one = f"{API}/namespaces/db/datasets/orders"
    assert asked(sales.get(f"{one}/offer"))["visibility"] == "usual"
    assert sales.put(f"{one}/offer", json={"visibility": "public"}).status_code == 403
    asked(shop.put(f"{one}/offer", json={"visibility": "teams", "teams": ["ads"]}))
    refused = sales.post(f"{API}/subscriptions", json=wanted())
    assert refused.status_code == 403
    assert refused.json()["detail"] == "db/orders is not offered to team sales; ask shop"
    asked(shop.put(f"{one}/offer", json={"visibility": "teams", "teams": ["sales"]}))
    asked(sales.post(f"{API}/subscriptions", json=wanted()), 201)
    (depends,) = asked(shop.get(f"{one}/subscriptions"))["subscriptions"]
    assert (depends["subscription"], depends["team"], depends["job"]) == ("mart", "sales", "mart")
    end = {"endsAt": "2027-01-01T00:00:00Z", "text": "use db/orders2"}
    asked(shop.put(f"{one}/deprecation", json=end))
    (told,) = asked(sales.get(f"{API}/subscriptions/mart"))["deprecations"]
    assert (told["text"], told["endsAt"]) == ("use db/orders2", "2027-01-01T00:00:00Z")
    assert asked(shop.delete(f"{one}/deprecation"))["deprecatedAt"] is None
    hub.writer.call(lambda c: put_team(c, "sales", private=True, now=datetime.now(UTC)))
    (hidden,) = asked(shop.get(f"{one}/subscriptions"))["subscriptions"]
    assert (hidden["subscription"], hidden["team"]) == (None, None)
    assert shop.get(f"{API}/subscriptions/mart").status_code == 404
    hub.writer.call(lambda c: put_team(c, "shop", private=True, now=datetime.now(UTC)))
    asked(shop.put(f"{one}/offer", json={"visibility": "private"}))
    mine = {"spec": wanted(team="shop")}
    assert sales.post(f"{API}/subscriptions/dry-run", json=mine).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"when": "all("}, "when"),
        ({"when": "db/orders", "partitions": "day of week"}, "partitions"),
        ({"when": "db/orders", "byInput": {"db/items": "identity"}}, "byInput"),
        ({"when": "db/orders", "limits": {"concurrency": 0}}, "concurrency"),
        ({"when": "db/orders", "rerun": {"auth": {"times": 1}}}, "rerun"),
        ({"when": "db/orders", "name": "A b"}, "name"),
        ({"when": "db/orders", "lunch": 1}, "lunch"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    admin: TestClient, wrong: dict[str, Any], where: str
) -> None:
    answer = admin.post(f"{API}/subscriptions", json=wanted() | wrong)
    assert answer.status_code == 422, answer.text
    assert where in answer.json()["detail"]
