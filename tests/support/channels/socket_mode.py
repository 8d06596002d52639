"""Slack with Socket Mode: connections that an app opens, over which clicks come to it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.support.channels.server import Json, Reply, Request, require
from tests.support.channels.slack import FakeSlack

if TYPE_CHECKING:
    from websockets.sync.server import Server, ServerConnection

APP_TOKEN = "xapp-1-A0FAKE-0123456789-fedcba"
ACK_WITHIN_S = 3.0
TICKET_S = 30.0
MOST = 10


class FakeSocketSlack(FakeSlack):
    """Hands each click to one connection, and to another if it is not acknowledged in time.

    acknowledged: seconds that each took, by its id. unasked: what came that is no acknowledgement
    of something that was sent.
    """

    def __init__(self, clock: float = 1_795_000_000) -> None:
        from websockets.sync.server import serve

        super().__init__(clock)
        self.acknowledged: dict[str, float] = {}
        self.unasked: list[Any] = []
        self.opened = 0
        self.lines: deque[ServerConnection] = deque()
        self._tickets: dict[str, float] = {}
        self._sent: dict[str, float] = {}
        self._changed = threading.Condition()
        self._sockets: Server = serve(self._line, "127.0.0.1", 0, process_request=self._admit)
        self._ws_port = self._sockets.socket.getsockname()[1]
        self._serving = threading.Thread(target=self._sockets.serve_forever, daemon=True)

    def settings(self) -> Json:
        told = super().settings() | {"app_token": "env:FAKE_SLACK_APP_TOKEN"}
        del told["signing_secret"]
        return told

    def secrets(self) -> dict[str, str]:
        return super().secrets() | {"FAKE_SLACK_APP_TOKEN": APP_TOKEN}

    def answer(self, request: Request) -> Reply:
        if request.path != "/api/apps.connections.open":
            return super().answer(request)
        require(request.method == "POST", "POST only", 405)
        if request.headers.get("authorization") != f"Bearer {APP_TOKEN}":
            return Reply(200, {"ok": False, "error": "not_allowed_token_type"})
        ticket = uuid4().hex
        self._tickets[ticket] = time.monotonic()
        return Reply(
            200,
            {"ok": True, "url": f"ws://127.0.0.1:{self._ws_port}/link/?ticket={ticket}&app_id=A0"},
        )

    # -- what a test does ------------------------------------------------------------------------

    def await_lines(self, count: int = 1, timeout_s: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.lines) >= count, timeout_s)

    def click(self, payload: Json) -> str:
        """Sends it over the next connection; its envelope's id."""
        number = str(uuid4())
        self.send(number, payload)
        return number

    def send(self, number: str, payload: Json) -> None:
        self.lines.rotate(1)
        self._sent[number] = time.monotonic()
        told = {
            "envelope_id": number,
            "type": "interactive",
            "accepts_response_payload": False,
            "payload": payload,
        }
        self.lines[0].send(json.dumps(told))

    def await_acknowledged(self, number: str, timeout_s: float = 30) -> float:
        with self._changed:
            assert self._changed.wait_for(lambda: number in self.acknowledged, timeout_s)
        return self.acknowledged[number]

    def refresh(self) -> None:
        """As Slack does every few hours: it asks all to come back, and closes."""
        for line in list(self.lines):
            line.send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))

    def drop(self) -> None:
        """The network is gone."""
        for line in list(self.lines):
            line.socket.close()

    # -- the line --------------------------------------------------------------------------------

    def _admit(self, line: ServerConnection, request: Any) -> Any:
        """A ticket lets one connection in, within half a minute."""
        ticket = parse_qs(urlsplit(request.path).query).get("ticket", [""])[0]
        given = self._tickets.pop(ticket, None)
        if given is None or time.monotonic() - given > TICKET_S or len(self.lines) >= MOST:
            return line.respond(403, "no such ticket")
        return None

    def _line(self, line: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        line.send(json.dumps({"type": "hello", "num_connections": len(self.lines) + 1}))
        with self._changed:
            self.opened += 1
            self.lines.append(line)
            self._changed.notify_all()
        try:
            for told in line:
                self._heard(told)
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._changed:
                self.lines.remove(line)
                self._changed.notify_all()

    def _heard(self, told: Any) -> None:
        try:
            number = json.loads(told)["envelope_id"]
            taken = time.monotonic() - self._sent[number]
        except (ValueError, KeyError, TypeError):
            self.unasked.append(told)
            return
        with self._changed:
            self.acknowledged[number] = taken
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._serving.start()
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._sockets.shutdown()
        self._serving.join(5)
