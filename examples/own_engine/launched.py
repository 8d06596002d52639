"""An engine of one's own that is launched by the hub: the standard library, and no more.

It takes signed launches on ENGINE_PORT, or fetches them with ENGINE_PULL=1; it keeps what it was
asked for and the events it has yet to send in a file (ENGINE_FILE), so that neither a hub that is
away nor its own restart loses or doubles a run.
"""

import base64
import datetime as dt
import hmac
import json
import os
import sqlite3
import threading
import time
import urllib.error
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HUB = os.environ.get("TRACKSIDE_URL", "http://127.0.0.1:8080")
HEADERS = {"Content-Type": "application/json"}
if "TRACKSIDE_TOKEN" in os.environ:
    HEADERS["Authorization"] = f"Bearer {os.environ['TRACKSIDE_TOKEN']}"
NAME, NAMESPACE = os.environ.get("ENGINE_NAME", "engine"), "my-engine"
SECRET = os.environ.get("ENGINE_SECRET", "")
JOBS = {"nightly": 6.0, "hourly": 0.5}  # seconds of work
FIVE_MINUTES = 300.0

STORE = sqlite3.connect(os.environ.get("ENGINE_FILE", "engine.db"), check_same_thread=False)
STORE.executescript(
    "CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, id TEXT, job TEXT, partition TEXT, done INT);"
    "CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY, path TEXT, body TEXT);"
)
LOCK = threading.Lock()


def store(statement: str, *values: object) -> list[tuple[Any, ...]]:
    with LOCK, STORE:
        return STORE.execute(statement, values).fetchall()


def ask(method: str, path: str, body: str | None = None, seconds: float = 10) -> tuple[int, str]:
    """The status and the text of the answer; 0 if the hub is away."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(HUB + path, data, HEADERS, method=method)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


# -- telling the hub -------------------------------------------------------------------------------


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def tell(kind: str, run: str, job: str, partition: str | None) -> None:
    """Kept first; sent by `send_events`, in order, until the hub has answered."""
    facets: dict[str, Any] = {}
    if partition:
        schema = "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json"
        day = {"nominalStartTime": f"{partition}T00:00:00Z"}
        facets["nominalTime"] = {"_producer": "https://example.com", "_schemaURL": schema, **day}
    event = {
        "eventType": kind,
        "eventTime": now(),
        "producer": "https://example.com/engine",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": facets},
        "job": {"namespace": NAMESPACE, "name": job},
        "outputs": [{"namespace": "file", "name": f"/data/{job}.csv"}],
    }
    keep("/api/v1/lineage", event)


def keep(path: str, body: object) -> None:
    store("INSERT INTO event (path, body) VALUES (?, ?)", path, json.dumps(body))


def send_events() -> None:
    while True:
        for number, path, body in store("SELECT * FROM event ORDER BY number LIMIT 100"):
            status, text = ask("POST", path, body)
            if status == 0 or status >= 500 or status == 429:
                break  # again later
            if status >= 400:
                print("refused:", text, flush=True)
            store("DELETE FROM event WHERE number = ?", number)
        time.sleep(0.5)


def tell_how_it_stands() -> None:
    while True:
        ((running,),) = store("SELECT count(*) FROM run WHERE NOT done")
        backlog = {"type": "backlog", "observed_at": now(), "pool": "all", "queued": 0}
        health = {"type": "health", "observed_at": now(), "part": "", "status": "HEALTHY"}
        told = json.dumps([{**backlog, "running": running}, health])
        ask("POST", f"/api/v1/observations?orchestrator={NAME}", told)
        time.sleep(15)


# -- runs ------------------------------------------------------------------------------------------


def begin(key: str, run: str, job: str, partition: str | None) -> bool:
    """Whether it was not there before. The key is kept before anything runs."""
    new = store(
        "INSERT INTO run VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING RETURNING key",
        *(key, run, job, partition),
    )
    if new:
        threading.Thread(target=work, args=(key, run, job, partition), daemon=True).start()
    return bool(new)


def work(key: str, run: str, job: str, partition: str | None) -> None:
    tell("START", run, job, partition)
    time.sleep(JOBS[job])
    tell("COMPLETE", run, job, partition)
    store("UPDATE run SET done = 1 WHERE key = ?", key)


# -- launches by a signed request ------------------------------------------------------------------


def is_signed(headers: Any, body: bytes) -> bool:
    """As Standard Webhooks wants it."""
    identity, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > FIVE_MINUTES:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{sent}.".encode() + body, "sha256").digest()
    wanted = b"v1," + base64.b64encode(digest)
    told = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(wanted, one) for one in told)


class Launches(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_signed(self.headers, body):
            return self.answer(401, {"error": "not signed by the hub, or too long ago"})
        told = json.loads(body)["data"]
        if told["job"]["name"] not in JOBS:
            return self.answer(404, {"error": f"no job {told['job']['name']}"})
        run = str(uuid.UUID(told["runId"]))
        new = begin(told["key"], run, told["job"]["name"], told["partition"])
        return self.answer(200 if new else 409, {"runId": run})

    def answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


# -- launches by a pull ----------------------------------------------------------------------------


def fetch_launches() -> None:
    while True:
        wanted = f"?orchestrator={NAME}"
        status, text = ask("GET", f"/api/v1/launches/next{wanted}&lease=60&wait=30", seconds=40)
        if status != 200:
            time.sleep(0 if status == 204 else 1)
            continue
        told = json.loads(text)
        lease, at = {"lease": told["lease"]}, f"/api/v1/launches/{told['id']}"
        if told["job"]["name"] in JOBS:
            begin(told["key"], told["runId"], told["job"]["name"], told["partition"])
            ask("POST", f"{at}/ack{wanted}", json.dumps(lease))
        else:
            no = {"error": f"no job {told['job']['name']}", "permanent": True}
            ask("POST", f"{at}/nack{wanted}", json.dumps(lease | no))


def main() -> None:
    for key, run, job, partition in store("SELECT key, id, job, partition FROM run WHERE NOT done"):
        threading.Thread(target=work, args=(key, run, job, partition), daemon=True).start()
    for loop in (send_events, tell_how_it_stands):
        threading.Thread(target=loop, daemon=True).start()
    if "ENGINE_PULL" in os.environ:
        fetch_launches()
    port = int(os.environ.get("ENGINE_PORT", "9000"))
    ThreadingHTTPServer(("127.0.0.1", port), Launches).serve_forever()


if __name__ == "__main__":
    main()
