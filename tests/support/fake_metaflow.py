"""A Metaflow metadata service in memory, as Metaflow's own client speaks with it.

Real flows run against it, over HTTP, and are read again with Metaflow's client: what it does not keep
as the service keeps it they would not get back. In unit tests it answers without a network.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx

from adapters.metaflow import Metaflow
from adapters.metaflow.config import Config
from hub.ports import Asked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VERSION = "2.5.0"
Row = dict[str, Any]
Key = tuple[str, ...]
Reply = tuple[int, Any]


def millis(seconds: float) -> int:
    """So many after now."""
    return int((NOW.timestamp() + seconds) * 1000)


class FakeMetaflow:
    """runs: of the flow Train, that have completed. cap: it has no pages.

    whole: whether it tells the metadata of a run at once.
    """

    def __init__(self, runs: int = 3, *, cap: int = 0, whole: bool = True) -> None:
        self.rows: dict[Key, Row] = {}
        self.metadata: dict[Key, list[Row]] = {}
        self.artifacts: dict[Key, list[Row]] = {}
        self.asked: list[str] = []
        self.whole = whole
        self._numbers = count(1)
        self._lock = threading.Lock()
        for number in range(runs):
            self.completed("Train", -3600 + number * 60)

    def adapter(self, **config: Any) -> Metaflow:
        settings = Config.model_validate({"url": "http://metaflow"} | config)
        transport = httpx.MockTransport(self)
        return Metaflow(settings, Asked("orch", "space"), transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        status, told = self.answer(request.method, request.url.path, request.content)
        headers = {"Date": format_datetime(NOW), "METADATA_SERVICE_VERSION": VERSION}
        content = told if isinstance(told, str) else json.dumps(told)
        return httpx.Response(status, content=content, headers=headers)

    # -- what it is told in tests ------------------------------------------------------------------

    def run(self, flow: str, at: float, **row: Any) -> str:
        """A run that began so many seconds after now; its number."""
        number = str(next(self._numbers))
        told = {"ts_epoch": millis(at), "tags": [], "system_tags": [], "user_name": "ada"}
        self.rows.setdefault((flow,), {"flow_id": flow, **told})
        own = {"flow_id": flow, "run_number": number, "last_heartbeat_ts": None}
        self.rows[flow, number] = {**own, **told, **row}
        return number

    def note(
        self, run: Key, step: str, at: float, nth: int | None = 0, task: str = "", **told: Any
    ) -> str:
        """Of the nth attempt of a task, a new one if none is named; its id."""
        task = task or str(next(self._numbers))
        own = {"flow_id": run[0], "run_number": run[1], "step_name": step, "task_id": task}
        fresh: Row = {**own, "ts_epoch": millis(at), "last_heartbeat_ts": None, "tags": []}
        self.rows.setdefault((*run, step), {**own, "ts_epoch": millis(at)})
        self.rows.setdefault((*run, step, task), fresh)
        tags = [] if nth is None else [f"attempt_id:{nth}"]
        self.metadata.setdefault((*run, step, task), []).extend(
            {**own, "field_name": name}
            | {"value": value, "ts_epoch": millis(at), "tags": tags, "type": name}
            for name, value in told.items()
        )
        return task

    def did(self, run: Key, step: str, at: float, *, seconds: float = 10, ok: bool = True) -> str:
        task = self.note(run, step, at, attempt="0")
        return self.note(run, step, at + seconds, task=task, attempt_ok=str(ok))

    def completed(self, flow: str, at: float, **row: Any) -> Key:
        run = (flow, self.run(flow, at, last_heartbeat_ts=int(NOW.timestamp() + at + 40), **row))
        for place, step in enumerate(("start", "fit", "end")):
            self.did(run, step, at + 1 + place * 12)
        return run

    def beat(self, run: Key, at: float) -> None:
        self.rows[run]["last_heartbeat_ts"] = int(NOW.timestamp() + at)

    # -- what it is asked --------------------------------------------------------------------------

    def answer(self, method: str, path: str, content: bytes) -> Reply:
        self.asked.append(f"{method} {path}")
        if path == "/ping":
            return HTTPStatus.OK, "pong"
        parts = tuple(path.strip("/").split("/"))
        body = json.loads(content) if content else {}
        with self._lock:
            match method:
                case "GET":
                    return self._get(parts)
                case "POST":
                    return self._post(parts, body)
                case "PATCH":
                    return self._patch(parts, body)
        return _missing()

    def _get(self, parts: Sequence[str]) -> Reply:
        key = tuple(parts[1::2])
        if list(parts[::2]) == _KINDS[: (len(parts) + 1) // 2]:
            return self._row(*key) if len(parts) % 2 == 0 else (HTTPStatus.OK, self._below(key))
        match parts[8:] if len(parts) > 8 else parts[4:]:
            case ["metadata"] if len(key) == 4 or (len(key) == 2 and self.whole):
                return HTTPStatus.OK, self._noted(key)
            case ["artifacts"]:
                return HTTPStatus.OK, self.artifacts.get(key, [])
            case ["attempt", attempt, "artifacts"]:
                return HTTPStatus.OK, self._of_attempt(key[:4], int(attempt))
            case ["artifacts", name]:
                return self._artifact(key[:4], None, name)
            case ["artifacts", name, "attempt", attempt]:
                return self._artifact(key[:4], int(attempt), name)
        return _missing()

    def _artifact(self, key: Key, attempt: int | None, name: str) -> Reply:
        found = [row for row in self._of_attempt(key, attempt) if row["name"] == name]
        return (HTTPStatus.OK, found[0]) if found else _missing()

    def _post(self, parts: Sequence[str], body: Any) -> Reply:
        match parts:
            case ["flows", flow]:
                return self._create((flow,), {"flow_id": flow, **body})
            case ["flows", flow, "run"]:
                number = str(body.get("run_number") or next(self._numbers))
                own = {"flow_id": flow, "run_number": number, "last_heartbeat_ts": None}
                return self._create((flow, number), {**body, **own})
            case ["flows", flow, "runs", run, "steps", step, "step"]:
                return self._create((flow, run, step), {**body, "run_number": run})
            case ["flows", flow, "runs", run, "steps", step, "task"]:
                task = str(body.get("task_id") or next(self._numbers))
                own = {"run_number": run, "task_id": task, "last_heartbeat_ts": None}
                return self._create((flow, run, step, task), {**body, **own})
            case ["flows", flow, "runs", run, "steps", step, "tasks", task, kind] if (
                kind in {"metadata", "artifact"} and (flow, run, step, task) in self.rows
            ):
                kept = self.metadata if kind == "metadata" else self.artifacts
                own = {"flow_id": flow, "run_number": run, "step_name": step, "task_id": task}
                rows = [{**row, **own, "ts_epoch": time.time_ns() // 1_000_000} for row in body]
                kept.setdefault((flow, run, step, task), []).extend(rows)
                return HTTPStatus.OK, {f"{kind}_created": len(rows)}
            case ["flows", *key, "heartbeat"] if found := self.rows.get(tuple(key[::2])):
                found["last_heartbeat_ts"] = int(time.time())
                # JSON within JSON: so the service answers, and so the client reads it.
                return HTTPStatus.OK, json.dumps(json.dumps({"wait_time_in_seconds": 10}))
        return _missing()

    def _patch(self, parts: Sequence[str], body: Row) -> Reply:
        match parts:
            case ["flows", flow, "runs", run, "tag", "mutate"] if (flow, run) in self.rows:
                row = self.rows[flow, run]
                kept = set(row["tags"]) - set(body["tags_to_remove"]) | set(body["tags_to_add"])
                row["tags"] = sorted(kept)
                return HTTPStatus.OK, {"tags": row["tags"]}
        return _missing()

    def _create(self, key: Key, row: Row) -> Reply:
        if key in self.rows:
            return HTTPStatus.CONFLICT, {"message": "it exists"}
        if key[:-1] and key[:-1] not in self.rows:
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "violates a foreign key"}
        self.rows[key] = {**row, "ts_epoch": time.time_ns() // 1_000_000}
        return HTTPStatus.OK, self.rows[key]

    def _row(self, *key: str) -> Reply:
        found = self.rows.get(key)
        return _missing() if found is None else (HTTPStatus.OK, self._tagged(key, found))

    def _below(self, key: Key) -> list[Row]:
        size = len(key)
        found = ((k, r) for k, r in self.rows.items() if len(k) == size + 1 and k[:size] == key)
        return [self._tagged(k, row) for k, row in found]

    def _tagged(self, key: Key, row: Row) -> Row:
        """What is below a run has the tags of the run."""
        run = self.rows.get(key[:2], {}) if len(key) > 2 else {}
        return row | {name: run[name] for name in ("tags", "system_tags") if name in run}

    def _noted(self, key: Key) -> list[Row]:
        found = (rows for name, rows in self.metadata.items() if name[: len(key)] == key)
        return [row for rows in found for row in rows]

    def _of_attempt(self, key: Key, attempt: int | None) -> list[Row]:
        rows = self.artifacts.get(key, [])
        wanted = max((row["attempt_id"] for row in rows), default=0) if attempt is None else attempt
        return [row for row in rows if row["attempt_id"] == wanted]


_KINDS = ["flows", "runs", "steps", "tasks"]


def _missing() -> Reply:
    return HTTPStatus.NOT_FOUND, "404: Not Found"


class Served:
    """One of these over HTTP, until its block ends."""

    def __init__(self, service: FakeMetaflow) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                path = self.path.partition("?")[0]
                status, told = service.answer(self.command, path, self.rfile.read(size))
                body = (told if isinstance(told, str) else json.dumps(told)).encode()
                self.send_response(status)
                self.send_header("METADATA_SERVICE_VERSION", VERSION)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Nothing: the test tells what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
