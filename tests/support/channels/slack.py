"""Slack: the part of the Web API that posts, edits and reads, and incoming webhooks."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from tests.support.channels.blocks import TOTAL, check_blocks, read, size
from tests.support.channels.server import (
    FakeChannel,
    Fault,
    Json,
    RefusalError,
    Reply,
    Request,
    only,
    require,
)

TOKEN = "xoxb-fake-0123456789-abcdef"
SIGNING_SECRET = "slack-signing-secret-0123456789"
CHANNEL = "C0123ALERTS"
HOOK = "/services/T0001/B0001/sEcReTpArToFtHeHoOk"
WORDS = {"ACKNOWLEDGED": "ACKNOWLEDGED", "RESOLVED": "RESOLVED"}

_MESSAGE = {"text", "blocks", "metadata", "mrkdwn", "unfurl_links", "unfurl_media", "attachments"}
_FIELDS = {
    "auth.test": (set(), set()),
    "chat.postMessage": ({"channel"}, _MESSAGE | {"thread_ts", "reply_broadcast"}),
    "chat.update": ({"channel", "ts"}, _MESSAGE),
    "conversations.history": (
        {"channel"},
        {"oldest", "latest", "inclusive", "limit", "cursor", "include_all_metadata"},
    ),
    "conversations.replies": (
        {"channel", "ts"},
        {"oldest", "latest", "inclusive", "limit", "cursor", "include_all_metadata"},
    ),
}
_SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
}


class Message(Struct):
    ts: str
    text: str
    blocks: list[Json]
    metadata: Json
    thread_ts: str | None = None
    broadcast: bool = False
    edits: int = 0
    foreign: bool = False


class FakeSlack(FakeChannel):
    """One workspace with one channel. clock: when it starts to number messages, seconds."""

    def __init__(self, clock: float = 1_795_000_000) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.scopes = {"chat:write", "channels:history"}
        self.archived = False
        self.member = True
        self.total = TOTAL
        self.posts_left: int | None = None  # until the next 429
        self.now = clock

    def settings(self) -> Json:
        return {
            "token": "env:FAKE_SLACK_TOKEN",
            "channel": CHANNEL,
            "signing_secret": "env:FAKE_SLACK_SIGNING",
            "mention": "<!here>",
            "url": self.url + "/api",
        }

    def secrets(self) -> dict[str, str]:
        return {"FAKE_SLACK_TOKEN": TOKEN, "FAKE_SLACK_SIGNING": SIGNING_SECRET}

    @property
    def roots(self) -> list[Message]:
        return [each for each in self.messages if each.thread_ts is None and not each.foreign]

    @property
    def replies(self) -> list[Message]:
        return [each for each in self.messages if each.thread_ts is not None]

    def count(self) -> int:
        return len(self.roots)

    def standing(self, key: str) -> str | None:
        def of(message: Message) -> str:
            return str(message.metadata.get("event_payload", {}).get("key"))

        found = [each for each in self.roots if of(each) == key]
        return shown(found[-1].blocks) if found else None

    def failure(self, fault: Fault, request: Request) -> Reply:
        """What is refused comes with status 200."""
        codes = {Fault.UNAUTHORIZED: "invalid_auth", Fault.REFUSED: "channel_not_found"}
        if fault in codes:
            return Reply(200, {"ok": False, "error": codes[fault]})
        return super().failure(fault, request)

    def answer(self, request: Request) -> Reply:
        method = request.path.removeprefix("/api/")
        if method not in _FIELDS:
            return _no("unknown_method")
        if "authorization" not in request.headers:
            return _no("not_authed")
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return _no("invalid_auth")
        needed = _SCOPES.get(method)
        if needed and needed not in self.scopes:
            return _no("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))
        asked = request.json() if method.startswith("chat.") else dict(request.query)
        need, may = _FIELDS[method]
        try:
            only(asked, need=need, may=may, where=method)
        except RefusalError as refusal:
            return _no("invalid_arguments", detail=refusal.reply.body)
        return self._do(method, asked)

    def _do(self, method: str, asked: Json) -> Reply:
        if method == "auth.test":
            return Reply(200, {"ok": True, "team": "fake", "user": "trackside", "bot_id": "B1"})
        if asked["channel"] != CHANNEL:
            return _no("channel_not_found")
        if not self.member:
            return _no("not_in_channel")
        if method.startswith("conversations."):
            return self._read(method, asked)
        if self.archived:
            return _no("is_archived")
        problem = self._problem(asked)
        if problem:
            self.refused.append(problem)
            return problem
        return self._post(asked) if method == "chat.postMessage" else self._update(asked)

    def _problem(self, asked: Json) -> Reply | None:
        blocks = asked.get("blocks", [])
        if not asked.get("text") and not blocks:
            return _no("no_text")
        if len(asked.get("text", "")) > 4000:
            return _no("msg_too_long")
        try:
            check_blocks(blocks)
            _check_metadata(asked.get("metadata"))
        except RefusalError as refusal:
            return _no("invalid_blocks", response_metadata={"messages": [refusal.reply.body]})
        return _no("msg_blocks_too_long") if size(blocks) > self.total else None

    def _post(self, asked: Json) -> Reply:
        if self.posts_left is not None:
            if self.posts_left == 0:
                self.posts_left = None
                return Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "3"})
            self.posts_left -= 1
        thread = asked.get("thread_ts")
        if thread and not self._message(thread):
            return _no("thread_not_found")
        self.now += 1
        message = Message(
            f"{self.now:.6f}",
            asked.get("text", ""),
            asked.get("blocks", []),
            asked.get("metadata", {}),
            thread,
            bool(asked.get("reply_broadcast")),
        )
        self.messages.append(message)
        return Reply(200, {"ok": True, "channel": CHANNEL, "ts": message.ts, "message": {}})

    def _update(self, asked: Json) -> Reply:
        message = self._message(asked["ts"])
        if not message:
            return _no("message_not_found")
        if message.foreign:
            return _no("cant_update_message")
        message.text, message.blocks = asked.get("text", ""), asked.get("blocks", [])
        message.metadata = asked.get("metadata", message.metadata)
        message.edits += 1
        return Reply(200, {"ok": True, "channel": CHANNEL, "ts": message.ts, "text": message.text})

    def _read(self, method: str, asked: Mapping[str, str]) -> Reply:
        limit = int(asked.get("limit", 100))
        if not 1 <= limit <= 999:
            return _no("invalid_limit")
        if method == "conversations.history":
            found = [each for each in self.messages if not each.thread_ts or each.broadcast][::-1]
        else:
            if not self._message(asked["ts"]):
                return _no("thread_not_found")
            found = [each for each in self.messages if asked["ts"] in {each.ts, each.thread_ts}]
        oldest = float(asked.get("oldest", 0))
        root = asked.get("ts")
        found = [each for each in found if float(each.ts) > oldest or each.ts == root]
        start = int(asked.get("cursor") or 0)
        page = found[start : start + limit]
        more = start + limit < len(found)
        with_metadata = asked.get("include_all_metadata") == "true"
        body: Json = {
            "ok": True,
            "messages": [_told(each, metadata=with_metadata) for each in page],
            "has_more": more,
        }
        if more:
            body["response_metadata"] = {"next_cursor": str(start + limit)}
        return Reply(200, body)

    def _message(self, ts: str) -> Message | None:
        return next((each for each in self.messages if each.ts == ts), None)


class FakeSlackWebhook(FakeChannel):
    """One incoming webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Json] = []
        self.total = TOTAL

    def settings(self) -> Json:
        return {"url": "env:FAKE_SLACK_HOOK"}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_SLACK_HOOK": self.url + HOOK}

    def count(self) -> int:
        return len(self.messages)

    def standing(self, key: str) -> str | None:
        return shown(self.messages[-1]["blocks"]) if self.messages else None

    def failure(self, fault: Fault, request: Request) -> Reply:
        codes = {Fault.UNAUTHORIZED: (403, "action_prohibited"), Fault.REFUSED: (404, "no_service")}
        return Reply(*codes[fault]) if fault in codes else super().failure(fault, request)

    def answer(self, request: Request) -> Reply:
        if request.path != HOOK:
            return Reply(404, "no_service")
        body = request.json()
        if not body.get("text") and not body.get("blocks"):
            return Reply(400, "no_text")
        try:
            only(body, need={"text"}, may={"blocks", "attachments", "mrkdwn"}, where="payload")
            check_blocks(body.get("blocks", []))
        except RefusalError as refusal:
            self.refused.append(refusal.reply)
            return Reply(400, "invalid_blocks")
        if size(body.get("blocks", [])) > self.total:
            return Reply(400, "msg_blocks_too_long")
        self.messages.append(body)
        return Reply(200, "ok")


def interaction(
    action: Json, at: datetime, *, secret: str = SIGNING_SECRET, user: str = "ana"
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a click, as Slack signs it."""
    payload = clicked(action, at, user=user)
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = str(int(at.timestamp()))
    base = f"v0:{timestamp}:".encode() + body
    signature = "v0=" + hmac.new(secret.encode(), base, sha256).hexdigest()
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}, body


def clicked(action: Json, at: datetime, *, user: str = "ana") -> Json:
    """A click, as Slack tells of it."""
    return {
        "type": "block_actions",
        "user": {"id": "U1", "username": user, "name": user},
        "container": {"type": "message", "message_ts": "1.2"},
        "trigger_id": "t1",
        "actions": [action | {"action_ts": f"{at.timestamp():.6f}"}],
    }


def shown(blocks: list[Json]) -> str:
    """What the header says of the state."""
    word = read(blocks)[0].strip("*").split(" ", 1)[1].partition(":")[0]
    return WORDS.get(word, "OPEN")


def _check_metadata(metadata: Json | None) -> None:
    if metadata is not None:
        only(metadata, need={"event_type", "event_payload"}, may=set(), where="metadata")
        values = metadata["event_payload"].values()
        require(all(isinstance(value, str | int | bool) for value in values), "metadata")


def _told(message: Message, *, metadata: bool) -> Json:
    told: Json = {"type": "message", "ts": message.ts, "text": message.text}
    if message.thread_ts:
        told["thread_ts"] = message.thread_ts
    return told | ({"metadata": message.metadata} if metadata and message.metadata else {})


def _no(code: str, **more: Any) -> Reply:
    return Reply(200, {"ok": False, "error": code} | more)
