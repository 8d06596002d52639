"""Pings over HTTP, as the clients of Healthchecks send them."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from hub.api.pings import BODY_LIMIT


@pytest.fixture
def url(client: TestClient) -> str:
    """The URL of a heartbeat."""
    return str(made(client)["url"])


def made(client: TestClient, **more: Any) -> dict[str, Any]:
    asked = {"namespace": "web1", "name": "nightly backup", **more}
    told: dict[str, Any] = client.post("/api/v1/heartbeats", json=asked).json()
    return told


def key_of(client: TestClient, namespace: str = "web1") -> str:
    return str(client.post("/api/v1/ping-keys", json={"namespace": namespace}).json()["key"])


def runs_of(client: TestClient, job: str = "nightly%20backup") -> list[dict[str, Any]]:
    """The latest first."""
    found = client.get(f"/api/v1/namespaces/web1/jobs/{job}/runs").json()
    runs: list[dict[str, Any]] = found["runs"]
    return runs


class Runitor:
    """As runitor asks: a start, then the exit status with the output, both with a rid; what fails
    by chance is sent again, what is wrong is not.
    """

    def __init__(self, client: TestClient, url: str) -> None:
        self._client, self._url, self._rid = client, url, str(uuid4())
        self.limit = 10_000

    def start(self) -> None:
        self._post("/start", "")

    def ended(self, status: int, output: str) -> None:
        self._post(f"/{status}", output[-self.limit :])

    def _post(self, suffix: str, body: str) -> None:
        kind = {"Content-Type": "text/plain", "User-Agent": "runitor/v1.4.1"}
        told = self._client.post(
            f"{self._url}{suffix}?rid={self._rid}&create=1", content=body, headers=kind
        )
        assert told.status_code in {200, 201}
        self.limit = int(told.headers["Ping-Body-Limit"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_ping_is_a_run_whatever_its_method(client: TestClient, url: str, method: str) -> None:
    told = client.request(method, url)
    assert (told.status_code, told.text) == (200, "" if method == "HEAD" else "OK")
    (run,) = runs_of(client)
    assert (run["state"], run["durationMs"]) == ("COMPLETED", 0)


def test_another_method_is_refused(client: TestClient, url: str) -> None:
    assert client.delete(url).status_code == 405


def test_a_client_of_healthchecks_tells_of_two_runs_at_a_time(client: TestClient, url: str) -> None:
    first, second = Runitor(client, url), Runitor(client, url)
    first.start()
    second.start()
    second.ended(0, "all is well")
    first.ended(3, "x" * (BODY_LIMIT + 10) + "\nno space left")
    by_state = {run["state"]: run for run in runs_of(client)}
    assert set(by_state) == {"COMPLETED", "FAILED"}
    failed = by_state["FAILED"]
    assert failed["facets"]["trackside_exit"]["status"] == 3
    assert failed["errorMessage"] == "exit status 3: no space left"
    assert len(failed["facets"]["trackside_log"]["tail"]) == BODY_LIMIT
    assert failed["durationMs"] >= by_state["COMPLETED"]["durationMs"]


def test_of_a_long_body_the_end_is_kept_less_its_secrets(client: TestClient, url: str) -> None:
    body = b"\xff\0" + b"a" * BODY_LIMIT + b" password=hunter2 end"
    assert client.post(f"{url}/fail", content=body).status_code == 200
    (run,) = runs_of(client)
    tail = run["facets"]["trackside_log"]["tail"]
    assert tail.endswith("password=*** end")
    assert "hunter2" not in json.dumps(run)


def test_a_ping_by_slug_is_of_the_same_heartbeat(client: TestClient, url: str) -> None:
    client.get(f"{url}/start")
    assert client.get(f"/ping/{key_of(client)}/nightly-backup").text == "OK"
    assert [run["state"] for run in runs_of(client)] == ["COMPLETED"]


def test_a_slug_that_is_not_there_is_made_when_asked_for(client: TestClient) -> None:
    path = f"/ping/{key_of(client)}/reindex"
    assert (client.get(path).status_code, client.get(path).text) == (404, "not found")
    told = [client.get(f"{path}?create=1") for _ in range(2)]
    assert [(one.status_code, one.text) for one in told] == [(201, "Created"), (200, "OK")]
    assert len(runs_of(client, "reindex")) == 2


def test_first_pings_at_the_same_time_make_one_heartbeat(client: TestClient) -> None:
    path = f"/ping/{key_of(client)}/reindex?create=1"
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: client.get(path).status_code, range(8)))
    assert set(told) == {200, 201}
    assert len(client.get("/api/v1/heartbeats").json()["heartbeats"]) == 1
    assert len(runs_of(client, "reindex")) == 8


def test_two_names_with_one_slug_are_ambiguous(client: TestClient, url: str) -> None:
    assert url
    made(client, name="Nightly: backup")
    told = client.get(f"/ping/{key_of(client)}/nightly-backup")
    assert (told.status_code, told.text) == (409, "ambiguous slug")


def test_what_nobody_knows_is_not_found(client: TestClient, url: str) -> None:
    for path in (f"/ping/{uuid4()}", "/ping/no-such-key/nightly-backup", f"{url[:-1]}/start"):
        told = client.get(path)
        assert told.status_code in {400, 404}
    assert client.get(f"/ping/{uuid4()}").text == "not found"


@pytest.mark.parametrize(
    ("suffix", "word"),
    [("/256", "invalid url format"), ("/begin", "not found"), ("?rid=1", "invalid uuid format")],
)
def test_what_is_wrong_is_told_as_healthchecks_tells_it(
    client: TestClient, url: str, suffix: str, word: str
) -> None:
    assert client.get(url + suffix).text == word
    assert client.get("/api/v1/namespaces/web1/jobs").status_code == 404  # nothing was recorded


def test_a_renewed_url_works_and_the_one_before_does_not(client: TestClient) -> None:
    one = made(client)
    other = client.post(f"/api/v1/heartbeats/{one['id']}/renew").json()["url"]
    assert (client.get(one["url"]).status_code, client.get(other).status_code) == (404, 200)


def test_a_removed_heartbeat_is_no_longer_waited_for(client: TestClient) -> None:
    one = made(client, cron="0 3 * * *")
    assert client.delete(f"/api/v1/heartbeats/{one['id']}").status_code == 204
    assert client.get(one["url"]).status_code == 404
    (schedule,) = client.get("/api/v1/schedules").json()["schedules"]
    assert schedule["kind"] == "manual"


def test_its_schedule_is_declared_and_can_be_changed(client: TestClient) -> None:
    one = made(client, cron="0 3 * * *", timezone="Europe/Zurich", graceS=900)
    changed = client.put(f"/api/v1/heartbeats/{one['id']}", json={"periodS": 3600})
    assert (changed.json()["cron"], changed.json()["periodS"]) == (None, 3600)
    (schedule,) = client.get("/api/v1/schedules").json()["schedules"]
    assert (schedule["kind"], schedule["expression"]) == ("interval", "PT3600S")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cron": "0 3 * *"}, "cron"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "timezone"),
        ({"cron": "0 3 * * *", "periodS": 60}, "periodS"),
        ({"graceS": 60}, "graceS"),
        ({"periodS": 1}, "periodS"),
    ],
)
def test_a_schedule_that_is_wrong_is_refused_with_its_field(
    client: TestClient, wrong: dict[str, Any], field: str
) -> None:
    asked = {"namespace": "web1", "name": "backup", **wrong}
    told = client.post("/api/v1/heartbeats", json=asked)
    assert told.status_code in {400, 422}
    assert field in told.text


def test_who_may_not_send_for_the_namespace_makes_no_heartbeat(
    client: TestClient, operator: TestClient
) -> None:
    asked = {"name": "a", "scopes": ["ingest", "read"], "namespaces": ["other-*"]}
    token = operator.post("/api/v1/tokens", json=asked).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    wanted = {"namespace": "web1", "name": "backup"}
    assert client.post("/api/v1/heartbeats", json=wanted).status_code == 403
    assert client.post("/api/v1/ping-keys", json={"namespace": "web1"}).status_code == 403
    one = operator.post("/api/v1/heartbeats", json=wanted).json()
    assert client.delete(f"/api/v1/heartbeats/{one['id']}").status_code == 403
    del client.headers["Authorization"]
    assert client.get("/api/v1/heartbeats").status_code == 401
    assert client.get(one["url"]).text == "OK"  # the URL is the secret


def test_neither_uuid_nor_key_is_shown_again_or_written_to_the_log(
    client: TestClient, hub: Hub, url: str, stream: io.StringIO
) -> None:
    key, uuid = key_of(client), url.rpartition("/")[2]
    for path in (f"/ping/{uuid}", f"/ping/{key}/a", f"/ping/{key}/a/256", f"/ping/{uuid}?rid=1"):
        client.get(path)
        client.get(path, headers={"Host": "evil.example"})
    lines = stream.getvalue().splitlines()
    said = "\n".join(line for line in lines if '"hub.' in line)  # the client logs its own requests
    assert "/ping/***" in said
    shown = [said] + [
        client.get(path).text for path in ("/api/v1/heartbeats", "/api/v1/ping-keys", "/metrics")
    ]
    with hub.db.reading() as connection:
        shown += [
            repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            for table in ("heartbeat", "ping_key")
        ]
    assert not [text for text in shown if uuid in text or key in text]
