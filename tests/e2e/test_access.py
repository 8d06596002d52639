"""Who may do what, over HTTP: strangers, members, readers, operators, admins."""

import io
import json
import logging
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from starlette.testclient import TestClient

from hub import logs
from hub.access import digest_of, new_token
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.commands.access import Remote
from hub.errors import Unavailable
from hub.main import running
from hub.settings import ClientSettings, Settings
from hub.store import access
from hub.store.access import NewToken

RUN = "0197a3c2-5b6e-7c3a-9d4e-111111111111"


class Site:
    """A running hub and the people who talk to it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.app = create_app(hub)
        self.stranger = self.client()

    def client(self, token: str | None = None, **headers: str) -> TestClient:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return TestClient(self.app, base_url="http://localhost:8080", headers=headers)

    def token(self, *scopes: str, name: str = "", **more: Any) -> str:
        text = new_token()
        wanted = NewToken(name or "-".join(scopes) or "none", scopes, **more)
        self.hub.writer.call(
            lambda c: access.create_token(
                c, wanted, digest_of(text), actor="test", now=datetime.now(UTC)
            )
        )
        self.hub.authenticator.forget()
        return text

    def holder(self, *scopes: str, **more: Any) -> TestClient:
        return self.client(self.token(*scopes, **more))

    def admin(self) -> TestClient:
        return self.holder("admin")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(Settings(database_url=f"sqlite:///{tmp_path / 'hub.db'}")) as hub:
        yield Site(hub)


def event(namespace: str = "sales", name: str = "load") -> dict[str, Any]:
    return {
        "eventType": "START",
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN},
        "job": {"namespace": namespace, "name": name},
    }


def send(client: TestClient, namespace: str = "sales") -> Any:
    return client.post("/api/v1/lineage", json=event(namespace))


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == told["code"] == status
    assert told["message"] == told["detail"]
    return told


# -- an open hub -------------------------------------------------------------------------------


def test_on_an_open_hub_a_stranger_sends_and_reads(site: Site) -> None:
    assert send(site.stranger).status_code == 201
    assert site.stranger.get("/api/v1/namespaces").status_code == 200


def test_on_an_open_hub_a_stranger_is_told_how_to_get_a_token_for_the_rest(site: Site) -> None:
    for method, path in (("GET", "/api/v1/tokens"), ("GET", "/api/v1/audit")):
        answer = site.stranger.request(method, path)
        assert "trackside token create NAME --scope admin" in problem(answer, 401)["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")
    send(site.stranger)
    answer = site.stranger.delete("/api/v1/namespaces/sales/jobs/load")
    assert "--scope operate" in problem(answer, 401)["detail"]


def test_on_an_open_hub_a_token_from_elsewhere_does_no_harm(site: Site) -> None:
    assert send(site.client("left-over-api-key")).status_code == 201


def test_the_first_token_closes_the_hub(site: Site) -> None:
    site.token("read")
    problem(send(site.stranger), 401)
    problem(site.stranger.get("/api/v1/namespaces"), 401)


# -- from where --------------------------------------------------------------------------------


def test_a_page_that_renamed_itself_to_loopback_is_refused(site: Site) -> None:
    answer = site.client(Host="evil.example.com").get("/api/v1/namespaces")
    assert "allowed_hosts" in problem(answer, 403)["detail"]


def test_a_page_from_elsewhere_can_not_send(site: Site) -> None:
    for origin in ("https://evil.example.com", "null", "http://localhost.evil.example.com"):
        answer = send(site.client(Origin=origin))
        assert "Origin" in problem(answer, 403)["detail"]


def test_our_own_page_can_send(site: Site) -> None:
    assert send(site.client(Origin="http://localhost:8080")).status_code == 201


def test_probes_and_scrapes_come_by_any_name(site: Site) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert site.client(Host="10.1.2.3").get(path).status_code == 200


# -- scopes ------------------------------------------------------------------------------------


def test_a_reader_reads_and_can_not_send(site: Site) -> None:
    reader = site.holder("read", name="ann")
    assert reader.get("/api/v1/namespaces").status_code == 200
    detail = problem(send(reader), 403)["detail"]
    assert detail == "this needs the scope 'ingest'; 'ann' has: read"


def test_a_sender_sends_and_can_not_read(site: Site) -> None:
    sender = site.holder("ingest", namespaces=("*",))
    assert send(sender).status_code == 201
    problem(sender.get("/api/v1/namespaces"), 403)


def test_a_sender_writes_only_the_namespaces_it_was_granted(site: Site) -> None:
    sender = site.holder("ingest", name="af", namespaces=("sales*",))
    assert send(sender, "sales-eu").status_code == 201
    detail = problem(send(sender, "hr"), 403)["detail"]
    assert "may not write the namespace 'hr'" in detail
    names = [each["name"] for each in site.admin().get("/api/v1/namespaces").json()["namespaces"]]
    assert "hr" not in names


def test_a_token_as_the_openlineage_client_sends_it_is_taken(site: Site) -> None:
    token = site.token("ingest", namespaces=("*",))
    client = site.client(Authorization=f"Bearer {token}")
    assert send(client).status_code == 201


def test_an_expired_token_is_told_so(site: Site) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = site.holder("read", name="old", expires_at=past)
    assert "'old' expired at" in problem(expired.get("/api/v1/namespaces"), 401)["detail"]


def test_a_revoked_token_stops_at_once(site: Site) -> None:
    admin, reader = site.admin(), site.holder("read", name="ann")
    assert reader.get("/api/v1/namespaces").status_code == 200
    (mine,) = [t for t in admin.get("/api/v1/tokens").json()["tokens"] if t["name"] == "ann"]
    assert admin.delete(f"/api/v1/tokens/{mine['id']}").json()["revokedAt"]
    assert "was revoked" in problem(reader.get("/api/v1/namespaces"), 401)["detail"]


def test_an_unknown_token_is_told_so(site: Site) -> None:
    site.token("read")
    answer = site.client(new_token()).get("/api/v1/namespaces")
    assert "not known here" in problem(answer, 401)["detail"]


def test_only_members_see_what_a_private_team_owns(site: Site) -> None:
    assert send(site.holder("ingest", team="hr", namespaces=("*",)), "hr").status_code == 201
    site.admin().put("/api/v1/teams/hr", json={"private": True})
    path = "/api/v1/namespaces/hr/jobs/load"
    assert site.holder("read", name="member", team="hr").get(path).status_code == 200
    problem(site.holder("read", name="other", team="sales").get(path), 404)


def test_only_members_are_told_how_much_a_private_team_has(site: Site) -> None:
    assert send(site.holder("ingest", team="hr", namespaces=("*",)), "hr").status_code == 201
    site.admin().put("/api/v1/teams/hr", json={"private": True})

    def told(client: TestClient) -> list[int]:
        listed = client.get("/api/v1/events/lineage").json()["totalCount"]
        jobs = client.get("/api/v1/stats/jobs").json()[-1]["count"]
        return [listed, jobs]

    assert told(site.holder("read", name="member", team="hr")) == [1, 1]
    assert told(site.holder("read", name="other", team="sales")) == [0, 0]


# -- tokens, teams, the audit log --------------------------------------------------------------


def test_an_admin_makes_a_token_that_is_shown_once(site: Site) -> None:
    admin = site.admin()
    asked = {"name": "af", "scopes": ["ingest"], "namespaces": ["sales"], "team": "sales"}
    answer = admin.post("/api/v1/tokens", json=asked)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    text = answer.json()["token"]
    assert send(site.client(text)).status_code == 201
    assert text not in admin.get("/api/v1/tokens").text
    assert text not in admin.get("/api/v1/audit").text


@pytest.mark.parametrize("scope", ["read", "ingest", "operate", "trigger"])
def test_nobody_else_sees_or_makes_tokens(site: Site, scope: str) -> None:
    other = site.holder(scope, namespaces=("*",))
    problem(other.get("/api/v1/tokens"), 403)
    problem(other.post("/api/v1/tokens", json={"name": "a", "scopes": ["admin"]}), 403)
    problem(other.delete("/api/v1/tokens/1"), 403)
    problem(other.put("/api/v1/teams/hr", json={"private": False}), 403)
    problem(other.get("/api/v1/audit"), 403)


@pytest.mark.parametrize(
    ("asked", "status", "path"),
    [
        ({"name": "a"}, 422, "$.scopes"),
        ({"name": "a", "scopes": ["root"]}, 400, "scopes"),
        ({"name": "a", "scopes": ["ingest"]}, 400, "namespaces"),
        ({"name": "a", "scopes": ["read"], "expiresAt": "2020-01-01T00:00:00Z"}, 400, "expiresAt"),
        ({"name": "a", "scopes": ["read"], "expiresAt": "2030-01-01T00:00:00"}, 422, "$.expiresAt"),
        ({"name": "a", "scopes": ["read"], "nonsense": 1}, 422, "$.nonsense"),
        ([], 422, "$"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused_by_path(
    site: Site, asked: Any, status: int, path: str
) -> None:
    assert problem(site.admin().post("/api/v1/tokens", json=asked), status)["path"] == path


def test_what_is_no_json_is_refused_as_such(site: Site) -> None:
    headers = {"content-type": "application/json"}
    answer = site.admin().post("/api/v1/tokens", content=b"{", headers=headers)
    assert problem(answer, 422)["expected"] == "JSON"


def test_what_an_admin_does_is_audited_page_by_page(site: Site) -> None:
    admin = site.admin()
    made = admin.post("/api/v1/tokens", json={"name": "ann", "scopes": ["read"]}).json()
    admin.put("/api/v1/teams/hr", json={"private": True})
    admin.delete(f"/api/v1/tokens/{made['id']}")
    told: list[tuple[str, ...]] = []
    cursor = None
    while cursor is not None or not told:
        page = admin.get(
            "/api/v1/audit", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        told += [(a["actor"], a["action"], a["subject"]) for a in page.json()["actions"]]
        cursor = page.json()["nextCursor"]
    assert told == [
        ("admin", "token_revoked", "token:ann"),
        ("admin", "team_changed", "team:hr"),
        ("admin", "token_created", "token:ann"),
    ]


def test_a_made_up_cursor_is_bad_input(site: Site) -> None:
    problem(site.admin().get("/api/v1/audit", params={"cursor": "x"}), 400)


def test_everybody_may_ask_who_they_are(site: Site) -> None:
    assert site.stranger.get("/api/v1/whoami").json()["kind"] == "open"
    member = site.holder("read", name="ann", team="hr")
    assert member.get("/api/v1/whoami").json() == {
        "name": "ann",
        "kind": "token",
        "scopes": ["read"],
        "teams": ["hr"],
        "orchestrator": None,
        "namespaces": [],
    }
    assert site.stranger.get("/api/v1/whoami").json()["kind"] == "anonymous"
    problem(site.client("wrong").get("/api/v1/whoami"), 401)


def test_the_command_line_does_the_same_over_http(site: Site) -> None:
    inner = site.client()

    def ask(request: httpx.Request) -> httpx.Response:
        headers = {"Authorization": request.headers["Authorization"]}
        body = json.loads(request.content) if request.content else None
        answer = inner.request(request.method, request.url.path, json=body, headers=headers)
        return httpx.Response(answer.status_code, content=answer.content)

    settings = ClientSettings.load(
        {"TRACKSIDE_URL": "http://localhost:8080", "TRACKSIDE_TOKEN": site.token("admin", name="x")}
    )
    with Remote(settings, httpx.MockTransport(ask)) as remote:
        text = remote.create(NewToken("ann", ("read",), team="hr"))
        assert site.client(text).get("/api/v1/whoami").json()["name"] == "ann"
        (mine,) = [token for token in remote.tokens() if token.name == "ann"]
        remote.set_private("hr", private=True)
        assert [team.private for team in remote.teams()] == [True]
        remote.revoke(mine.id)
        assert remote.tokens()[0].revoked_at is not None
        with pytest.raises(Unavailable, match="answers 404: there is no token with the id 77"):
            remote.revoke(77)


# -- the shell ---------------------------------------------------------------------------------


def test_every_answer_has_an_id_and_safe_headers(site: Site) -> None:
    for path in ("/healthz", "/nowhere", "/api/v1/tokens"):
        headers = site.stranger.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert len(headers["x-request-id"]) == 16


def test_an_id_that_a_proxy_gave_is_kept_unless_it_is_odd(site: Site) -> None:
    given = site.stranger.get("/healthz", headers={"X-Request-ID": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    odd = site.stranger.get("/healthz", headers={"X-Request-ID": "a b"})
    assert odd.headers["x-request-id"] != "a b"


def test_what_is_not_there_is_a_problem(site: Site) -> None:
    assert problem(site.stranger.get("/nowhere"), 404)["type"] == "urn:trackside:not-found"
    answer = site.stranger.post("/healthz")
    assert problem(answer, 405)["type"] == "urn:trackside:method-not-allowed"
    assert answer.headers["allow"] == "GET"


def test_an_error_nobody_expected_names_an_id_and_nothing_else(site: Site) -> None:
    def fail() -> None:
        raise ZeroDivisionError("inner workings")

    site.app.add_api_route("/boom", fail)
    answer = site.stranger.get("/boom")
    told = problem(answer, 500)
    assert told["id"] == answer.headers["x-request-id"]
    assert "inner workings" not in answer.text
    assert "Zero" not in answer.text


def test_a_store_that_does_not_answer_is_no_refusal(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading() -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(site.hub.db, "reading", reading)
    answer = site.client(new_token()).get("/api/v1/namespaces")
    problem(answer, 503)
    assert answer.headers["retry-after"] == "2"
    assert site.stranger.get("/readyz").status_code == 503


def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    headers = {"content-type": "application/json"}
    large = b" " * (site.hub.settings.max_body_bytes + 1)
    for path in ("/api/v1/lineage", "/api/v1/tokens"):
        problem(site.stranger.post(path, content=large, headers=headers), 413)


def test_requests_are_counted_by_route_not_by_name(site: Site) -> None:
    send(site.stranger)
    for name in ("load", "a%2Fb", "c"):
        site.stranger.get(f"/api/v1/namespaces/sales/jobs/{name}")
    told = site.stranger.get("/metrics").text
    routes = {line for line in told.splitlines() if "http_requests_total{" in line}
    assert any('route="/api/v1/lineage",status="201"' in line for line in routes)
    jobs = [line for line in routes if 'route="/api/v1/namespaces/{namespace}/jobs/{' in line]
    assert sorted(line.partition("status=")[2] for line in jobs) == ['"200"} 1.0', '"404"} 2.0']


def test_a_ready_hub_says_what_it_has_checked(site: Site) -> None:
    answer = site.stranger.get("/readyz")
    assert answer.json() == {
        "status": "ready",
        "checks": {"store": "ok", "writer": "ok", "queue": "ok"},
    }


def test_a_hub_whose_writer_has_stopped_is_alive_and_not_ready(site: Site) -> None:
    site.hub.writer.stop()
    assert site.stranger.get("/healthz").status_code == 200
    answer = site.stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["writer"] == "stopped"


# -- secrets -----------------------------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.setup("debug", "json", stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_no_token_is_told_by_any_log_or_answer(site: Site, told: io.StringIO) -> None:
    token = site.token("read")
    sender = site.client(token)

    def fail() -> None:
        raise RuntimeError(f"it failed with Bearer {token} at postgresql://ann:hunter2@db/x")

    site.app.add_api_route("/boom", fail)
    answers: list[Any] = [
        send(sender),
        send(site.client(token[:-1] + "!")),
        sender.get("/boom"),
        sender.get(f"/{token}"),
        sender.get(f"/api/v1/namespaces/{token}/jobs/{token}"),
        sender.get("/api/v1/namespaces", params={"token": token, "limit": token}),
        sender.get("/api/v1/audit", params={"cursor": token}),
        sender.put(f"/api/v1/teams/{token}", json={"private": token}),
        sender.post("/api/v1/tokens", json={"name": token, "scopes": [token]}),
        sender.post("/api/v1/lineage", content=token),
        site.admin().post("/api/v1/tokens", json={"name": f"a {token}", "scopes": ["read"]}),
        sender.get("/healthz", headers={"Host": token}),
        sender.get("/healthz", headers={"X-Request-ID": "x", "Cookie": token}),
    ]
    assert {each.status_code for each in answers} >= {403, 404, 500}
    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    assert sum(line["action"] == "http_request" for line in lines) == len(answers)
    for text in (told.getvalue(), *(each.text for each in answers)):
        assert token not in text
        assert token[4:30] not in text
        assert "hunter2" not in text


def test_each_request_is_one_line_with_its_answer(site: Site, told: io.StringIO) -> None:
    site.holder("read", name="ann").get("/api/v1/namespaces", params={"limit": 3})
    (line,) = [json.loads(each) for each in told.getvalue().splitlines() if "http_request" in each]
    assert line["action"] == "http_request"
    assert line["path"] == line["route"] == "/api/v1/namespaces"
    assert (line["method"], line["status"], line["principal"]) == ("GET", 200, "ann")
    assert line["ms"] > 0


def test_dead_letters_are_shown_to_their_sender_and_to_who_speaks_for_all(site: Site) -> None:
    sales = site.holder("ingest", "operate", name="s", orchestrator="af-sales", namespaces=("s*",))
    hr = site.holder("ingest", "operate", name="h", orchestrator="af-hr", namespaces=("h*",))
    unbound = site.holder("operate", name="u", namespaces=("s*",))
    assert sales.post("/api/v1/lineage", json={"eventTime": "mine"}).status_code == 400
    path = "/api/v1/dead-letters"
    (letter,) = sales.get(path).json()["deadLetters"]
    one = f"{path}/{letter['id']}"
    for other in (hr, unbound):
        assert other.get(path).json()["deadLetters"] == []
        assert other.get(path).json()["totalCount"] == 0
        assert other.get(one).status_code == 404
        assert other.post(f"{one}/replay").status_code == 404
    everybody = site.holder("operate", name="all", namespaces=("*",))
    for who in (sales, everybody, site.admin()):
        assert "mine" in who.get(one).json()["payload"]
        assert who.get(path).json()["totalCount"] == 1
        assert who.post(f"{one}/replay").status_code == 409
    assert site.holder("read", name="r").get(path).status_code == 403
