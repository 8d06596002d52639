"""The door: POST /api/v1/lineage, /lineage/batch, /observations, /checks and /otlp/v1/metrics.

Plain ASGI in front of everything else, because senders wait for it inside their tasks (DESIGN D2).
The answer goes out when what it says is durable, never before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs

import anyio.to_thread
import msgspec
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from hub import quality
from hub.access import Principal, Scope
from hub.api.body import read_body
from hub.api.errors import problem_response
from hub.api.settling import Submitting
from hub.errors import BadInput, Overloaded, TracksideError
from hub.model import CheckStatus
from hub.openlineage.batch import split_batch
from hub.openlineage.faults import Phrase
from hub.quality.base import Given, Reader, tools
from hub.record import Outcome, Refused, Sender
from hub.record.counted import Counted
from hub.record.incoming import IncomingEvent
from hub.record.intake import Read
from hub.signals.points import request_of
from hub.signals.sampling import Counters, observations_of

LINEAGE: Final = "/api/v1/lineage"
BATCH: Final = "/api/v1/lineage/batch"
OBSERVATIONS: Final = "/api/v1/observations"
CHECKS: Final = "/api/v1/checks"
OTLP: Final = "/api/v1/otlp/v1/metrics"
#: Events of a batch decoded before others get their turn on the event loop.
TURN: Final = 50

_Handle = Callable[[AsgiScope, Receive, Principal], Awaitable[tuple[int, bytes]]]
_JSON: Final = (b"content-type", b"application/json")
_encode = msgspec.json.encode


class NotStorable(TracksideError):
    """An event was understood, but the store can't hold it; it lies among the dead letters."""

    code = "not-storable"
    status = 422
    title = "The store can't hold this"


class Door:
    """Takes facts in; hands every other request on to `app`."""

    def __init__(self, app: ASGIApp, hub: Any) -> None:
        self._app = app
        self._hub = hub
        quality.load()
        self._paths: dict[str, _Handle] = {
            LINEAGE: self._lineage,
            BATCH: self._batch,
            OBSERVATIONS: self._observe,
            CHECKS: self._check,
            OTLP: self._otlp,
            **{f"{CHECKS}/{name}": partial(self._report, read) for name, read in tools.items()},
        }
        self._counted = Counted(hub.metrics)
        self._counters = Counters()
        self._submitting = Submitting(hub.writer)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        handle = self._paths.get(scope["path"]) if scope["type"] == "http" else None
        if handle is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            principal: Principal = scope["principal"]
            principal.require(Scope.INGEST)
            status, body = await handle(scope, receive, principal)
        except TracksideError as error:
            await problem_response(error)(scope, receive, send)
            return
        await _answer(send, status, body)

    # -- one event -------------------------------------------------------------------------------

    async def _lineage(
        self, scope: AsgiScope, receive: Receive, principal: Principal
    ) -> tuple[int, bytes]:
        raw = await read_body(receive, scope["headers"], self._hub.settings.max_body_bytes)
        self._limit(principal, 1)
        read = self._hub.intake.event(raw, _sender(principal), principal.require_namespace)
        outcomes = await self._settle([read], len(raw))
        if read.error is not None:
            raise read.error
        return _status_of(outcomes[0]), b""

    # -- many ------------------------------------------------------------------------------------

    async def _batch(
        self, scope: AsgiScope, receive: Receive, principal: Principal
    ) -> tuple[int, bytes]:
        body = await read_body(receive, scope["headers"], self._hub.settings.max_batch_bytes)
        raws = await self._split(body, principal)
        self._limit(principal, len(raws))
        reads = await self._read_all(raws, principal)
        outcomes = await self._settle(reads, len(body))
        return 200, _encode(_summary(reads, outcomes))

    async def _split(self, body: bytes, principal: Principal) -> list[bytes]:
        try:
            return split_batch(body)
        except BadInput as error:
            letter = self._hub.intake.unreadable(body, _sender(principal), error)
            await self._settle([Read([letter], "unknown", error)], len(body))
            raise

    async def _read_all(self, raws: Sequence[bytes], principal: Principal) -> list[Read]:
        sender, may_write = _sender(principal), principal.require_namespace
        reads = []
        for number, raw in enumerate(raws, 1):
            reads.append(self._hub.intake.event(raw, sender, may_write))
            if number % TURN == 0:
                await asyncio.sleep(0)
        return reads

    async def _observe(
        self, scope: AsgiScope, receive: Receive, principal: Principal
    ) -> tuple[int, bytes]:
        raw = await read_body(receive, scope["headers"], self._hub.settings.max_body_bytes)
        named = _queries(scope).get("orchestrator")
        read = self._hub.intake.observations(
            raw, _sender(principal), named, principal.require_namespace
        )
        self._limit(principal, len(read.items))
        outcomes = await self._settle([read], len(raw))
        if read.error is not None:
            raise read.error
        return 201, _encode({"accepted": len(outcomes)})

    async def _otlp(
        self, scope: AsgiScope, receive: Receive, principal: Principal
    ) -> tuple[int, bytes]:
        """Metrics of an orchestrator; an empty answer is OTLP's way to say that all was taken."""
        raw = await read_body(receive, scope["headers"], self._hub.settings.max_body_bytes)
        queries = _queries(scope)
        named = principal.orchestrator or queries.get("orchestrator")
        if named is None:
            raise BadInput(
                "orchestrator",
                Phrase("nothing"),
                "the name of the orchestrator that sends these metrics",
                "Add ?orchestrator=<name> to the address, or send with a token that is bound to one.",
            )
        is_json = "json" in _content_type(scope)
        points = request_of(raw, "json" if is_json else "protobuf")
        prefix, now = queries.get("prefix", "airflow"), datetime.now(UTC)
        seen, results = observations_of(points, named, prefix, self._counters, now)
        told = _encode(seen)
        read = self._hub.intake.observations(
            told, _sender(principal), named, principal.require_namespace
        )
        if read.error is not None:
            raise read.error
        self._limit(principal, len(read.items))
        await self._settle([read], len(raw))
        self._hub.metrics.begin_signals(named, "otlp")
        for result, count in results.items():
            self._hub.metrics.signals.labels(named, "otlp", result).inc(count)
        return 200, b"{}" if is_json else b""

    # -- checks ----------------------------------------------------------------------------------

    async def _check(
        self, scope: AsgiScope, receive: Receive, principal: Principal
    ) -> tuple[int, bytes]:
        raw = await read_body(receive, scope["headers"], self._hub.settings.max_body_bytes)
        read = self._hub.intake.checks(raw, _sender(principal), principal.require_namespace)
        self._limit(principal, len(read.items))
        outcomes = await self._settle([read], len(raw))
        if read.error is not None:
            raise read.error
        return _reported([read], outcomes)

    async def _report(
        self, reader: Reader, scope: AsgiScope, receive: Receive, principal: Principal
    ) -> tuple[int, bytes]:
        """A whole document or nothing. Its sender has it as a file, so none is kept here."""
        raw = await read_body(receive, scope["headers"], self._hub.settings.max_batch_bytes)
        given = _given(scope)
        # Beside the event loop: a manifest of dbt may be megabytes.
        report = await anyio.to_thread.run_sync(reader, raw, given)
        self._limit(principal, len(report.events) + len(report.observations))
        reads = await self._read_all(report.events, principal)
        if report.observations:
            told, sender = _encode(report.observations), _sender(principal)
            may_write = principal.require_namespace
            reads.append(self._hub.intake.observations(told, sender, None, may_write))
        for read in reads:
            if read.error is not None:
                raise read.error
        return _reported(reads, await self._settle(reads, len(raw)))

    # -- the writer ------------------------------------------------------------------------------

    async def _settle(self, reads: Sequence[Read], size: int) -> list[Outcome]:
        """Waits until everything that was read is durable; an outcome per item."""
        items = [item for read in reads for item in read.items]
        if not items:
            return []
        try:
            outcomes = await self._submitting.write(items, size)
        except Overloaded:
            self._counted.note(reads, ["overloaded"] * len(items))
            raise
        self._counted.settled(reads, outcomes)
        return outcomes

    def _limit(self, principal: Principal, events: int) -> None:
        if self._hub.ingest_limit is not None:
            self._hub.ingest_limit.take(principal, events)


def _sender(principal: Principal) -> Sender:
    team = min(principal.teams) if len(principal.teams) == 1 else None
    return Sender(principal.orchestrator, team)


def _status_of(outcome: Outcome) -> int:
    if isinstance(outcome, Refused):
        raise NotStorable(outcome.reason)
    return 201 if outcome.new else 200


def _summary(reads: Sequence[Read], outcomes: Sequence[Outcome]) -> dict[str, object]:
    """The answer to a batch, as the OpenLineage 2-0-2 OpenAPI has it."""
    failed, settled = [], iter(outcomes)
    for index, read in enumerate(reads):
        outcome = next(settled) if read.items else None
        reason = str(read.error) if read.error else getattr(outcome, "reason", None)
        if reason is not None:
            failed.append({"index": index, "reason": reason, "retriable": False})
    counts = {"received": len(reads), "successful": len(reads) - len(failed), "failed": len(failed)}
    return {
        "status": "partial_success" if failed else "success",
        "summary": {**counts, "retriable": 0, "non_retriable": len(failed)},
        "failed_events": failed,
    }


def _reported(reads: Sequence[Read], outcomes: Sequence[Outcome]) -> tuple[int, bytes]:
    """How much was told; 200 where all of it was there before."""
    statuses = {_status_of(outcome) for outcome in outcomes}
    events = [
        item.event for read in reads for item in read.items if isinstance(item, IncomingEvent)
    ]
    checks = [check for event in events for facts in event.datasets for check in facts.checks]
    failed = sum(check.status is CheckStatus.FAILED for check in checks)
    told = {"events": len(events), "checks": len(checks), "failed": failed}
    return max(statuses, default=200), _encode(told)


def _content_type(scope: AsgiScope) -> str:
    found = next((v for name, v in scope["headers"] if name == b"content-type"), b"")
    return str(found.decode("latin-1").lower())


def _given(scope: AsgiScope) -> Given:
    told = _queries(scope)
    if told.get("updates", "true") not in {"true", "false"}:
        raise BadInput("updates", told["updates"], "true or false")
    return Given(
        told.get("namespace"),
        told.get("dataset"),
        told.get("partition"),
        told.get("jobNamespace"),
        told.get("updates") != "false",
    )


def _queries(scope: AsgiScope) -> Mapping[str, str]:
    """The first value of each."""
    told = parse_qs(scope["query_string"].decode("latin-1"))
    return {name: values[0] for name, values in told.items()}


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append(_JSON)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
