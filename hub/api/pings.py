"""Pings of heartbeats: the URLs of Healthchecks, as its clients know them.

/ping/<uuid> and /ping/<ping key>/<slug>, each with /start, /fail, /log or an exit status behind it.
The URL is the secret, so no answer, error or line of the log names it. Like the door this is plain
ASGI, and the answer goes out when the ping is durable.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import anyio.to_thread
from msgspec import Struct
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from hub.access import Kind, Principal, digest_of
from hub.api.body import BODY_TIMEOUT_S, TooSlow
from hub.api.settling import Submitting
from hub.errors import Conflict, Overloaded, TracksideError
from hub.model import EntityName
from hub.record.incoming import IncomingPing, Outcome, PingKind, Refused
from hub.store import heartbeats as store
from hub.store.access import record_action
from hub.store.heartbeats import Heartbeat, PingKey

PREFIX: Final = "/ping/"
#: Bytes of a body that are kept, the last ones; told in each answer, as clients expect it.
BODY_LIMIT: Final = 100_000
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_WORDS: Final = {"start": PingKind.START, "fail": PingKind.FAIL, "log": PingKind.LOG}
_ACTION: Final = r"(?:/(?P<word>start|fail|log)|/(?P<status>[0-9]+))?"
_BY_UUID: Final = re.compile(
    rf"(?P<uuid>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?:/|{_ACTION})", re.IGNORECASE
)
_BY_SLUG: Final = re.compile(rf"(?P<key>[\w-]+)/(?P<slug>[\w-]+){_ACTION}", re.ASCII)
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_LIMIT: Final = (b"ping-body-limit", str(BODY_LIMIT).encode())
_OPEN: Final = (b"access-control-allow-origin", b"*")


class Asked(Struct, frozen=True):
    """What a URL says. Either uuid, or key and slug."""

    kind: PingKind
    uuid: str | None = None
    key: str = ""
    slug: str = ""
    rid: str = ""
    create: bool = False
    exit_status: int | None = None


class Answer(Exception):
    """Ends a ping with a status and a word."""

    def __init__(self, status: int, word: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(word)
        self.status = status
        self.word = word
        self.headers = headers


class Pings:
    """Takes pings; hands every other request on to `app`."""

    def __init__(self, app: ASGIApp, hub: Any) -> None:
        self._app = app
        self._hub = hub
        self._submitting = Submitting(hub.writer)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        if "exchange" in scope:
            scope["exchange"].route = "/ping"
        try:
            answer = await self._take(scope, receive)
        except Answer as told:
            answer = told
        except TracksideError as error:
            answer = _answer_of(error)
        await _send(send, answer, empty=scope["method"] == "HEAD")

    async def _take(self, scope: AsgiScope, receive: Receive) -> Answer:
        if scope["method"] not in _METHODS:
            raise Answer(405, "method not allowed", (b"allow", b"GET, HEAD, POST"))
        asked = asked_of(scope["path"].removeprefix(PREFIX), _query(scope))
        log = _text_of(await read_tail(receive)) if scope["method"] == "POST" else ""
        one, created = await anyio.to_thread.run_sync(self._find, asked)
        self._limit(one)
        ping = IncomingPing(
            heartbeat=one.id,
            kind=asked.kind,
            received_at=self._hub.intake.now(),
            rid=asked.rid,
            exit_status=asked.exit_status,
            log=self._hub.intake.clean(log) if log else "",
        )
        await self._record(ping)
        return Answer(201, "Created") if created else Answer(200, "OK")

    async def _record(self, ping: IncomingPing) -> None:
        count = self._hub.metrics.events.labels
        try:
            outcomes: list[Outcome] = await self._submitting.write([ping], len(ping.log))
        except Overloaded:
            count("ping", "overloaded").inc()
            raise
        refused = isinstance(outcomes[0], Refused)
        count("ping", "refused" if refused else "recorded").inc()
        if refused:
            raise Answer(422, "the store can't hold this")

    def _limit(self, one: Heartbeat) -> None:
        """As the door limits each token, so each heartbeat; its numbers are not those of tokens."""
        if self._hub.ingest_limit is not None:
            who = f"heartbeat {one.job.namespace}:{one.job.name}"
            self._hub.ingest_limit.take(Principal(who, Kind.TOKEN, token_id=-one.id))

    # -- whose ping it is ------------------------------------------------------------------------

    def _find(self, asked: Asked) -> tuple[Heartbeat, bool]:
        """The heartbeat, and whether it was made just now."""
        with self._hub.db.reading() as connection:
            if asked.uuid is not None:
                one = store.find_by_digest(connection, digest_of(asked.uuid))
                return _there(one), False
            key = _there(store.find_ping_key(connection, digest_of(asked.key)))
            found = store.find_by_slug(connection, key.namespace, asked.slug)
        if len(found) > 1:
            raise Answer(409, "ambiguous slug")
        if found:
            return found[0], False
        if not asked.create:
            raise Answer(404, "not found")
        return self._make(key, asked.slug)

    def _make(self, key: PingKey, slug: str) -> tuple[Heartbeat, bool]:
        """A heartbeat by that name; its schedule is learned. Two at a time make one."""
        job, now = EntityName(key.namespace, slug), datetime.now(UTC)
        # Nobody knows its uuid until it is given one that is shown.
        wanted = store.Wanted(job=job, slug=slug, digest=digest_of(str(uuid4())))

        def make(connection: Any) -> Heartbeat:
            made = store.add_heartbeat(connection, wanted, key.owner, now)
            by = f"ping key of {key.namespace}"
            subject = f"heartbeat:{job.namespace}:{job.name}"
            record_action(connection, by, "heartbeat_added", subject, now=now)
            return made

        try:
            return self._hub.writer.call(make), True
        except Conflict:
            with self._hub.db.reading() as connection:
                found = store.find_by_slug(connection, key.namespace, slug)
        if len(found) != 1:  # its job has a heartbeat with another slug
            raise Answer(409, "ambiguous slug")
        return found[0], False


def asked_of(path: str, query: Mapping[str, str]) -> Asked:
    """What stands behind /ping/ and in the query; Answer if it is none of our URLs."""
    found = _BY_UUID.fullmatch(path) or _BY_SLUG.fullmatch(path)
    if found is None:
        raise Answer(400, "invalid url format")
    told = found.groupdict()
    status = None if told["status"] is None else _status(told["status"])
    kind = _WORDS.get(told["word"] or "", PingKind.FAIL if status else PingKind.SUCCESS)
    uuid = told.get("uuid")
    return Asked(
        kind,
        uuid.lower() if uuid else None,
        told.get("key") or "",
        told.get("slug") or "",
        _rid(query.get("rid")),
        query.get("create") == "1",
        status,
    )


def _status(text: str) -> int:
    status = int(text[:4])
    if len(text) > 3 or status > 255:
        raise Answer(400, "invalid url format")
    return status


def _rid(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return str(UUID(text))
    except ValueError:
        raise Answer(400, "invalid uuid format") from None


async def read_tail(receive: Receive) -> bytes:
    """The last bytes of a body, however long it is. Raises TooSlow."""
    kept = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientDisconnect
                chunk: bytes = message.get("body", b"")
                kept = (kept + chunk)[-BODY_LIMIT:]
                if not message.get("more_body"):
                    return kept
    except TimeoutError:
        raise TooSlow(f"the whole body is expected within {BODY_TIMEOUT_S:.0f} s") from None


def _text_of(body: bytes) -> str:
    """What is no text is shown as such; no store holds a NUL."""
    return body.decode(errors="replace").replace("\0", "\ufffd")


def _there(found: Any) -> Any:
    if found is None:
        raise Answer(404, "not found")
    return found


def _answer_of(error: TracksideError) -> Answer:
    """Only what kind of error it is: its text may name what was sent."""
    after = getattr(error, "retry_after", None)
    headers = () if after is None else ((b"retry-after", str(ceil(after)).encode()),)
    return Answer(error.status, error.title.lower(), *headers)


def _query(scope: AsgiScope) -> dict[str, str]:
    told = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {name: values[-1] for name, values in told.items()}


async def _send(send: Send, answer: Answer, *, empty: bool) -> None:
    body = answer.word.encode()
    length = (b"content-length", str(len(body)).encode())
    headers = [_TEXT, _LIMIT, _OPEN, length, *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if empty else body})
