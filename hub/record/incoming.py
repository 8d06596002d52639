"""What the door hands to the writer, and what comes back."""

from __future__ import annotations

import hashlib
import threading
from enum import StrEnum

import zstandard
from msgspec import Struct
from msgspec.structs import replace

from hub.model import LineageEvent, Observation, Warning  # noqa: A004
from hub.store.types import to_micros

_HOUR_US = 3_600_000_000
#: How far ahead of its receipt something may be dated: wrong clocks and time zones are within it.
_AHEAD_US = 24 * _HOUR_US
_ZSTD_LEVEL = 1
_LONGEST_HOUR = 2**32 - 1

_own = threading.local()  # a compressor is not to be shared between threads


class Sender(Struct, frozen=True):
    """Whose event it is: the orchestrator and team its token is bound to, if any."""

    orchestrator: str | None = None
    team: str | None = None


class IncomingEvent(Struct, frozen=True):
    """A decoded lineage event on its way to the store."""

    event: LineageEvent
    payload: bytes  # zstd of the redacted JSON
    digest: bytes  # of the bytes as they came
    told_at: int  # event time as it came, microseconds
    at: int  # event time that it is ordered by, see `not_ahead`
    received_at: int
    sender: Sender = Sender()

    @property
    def key(self) -> bytes:
        """What tells a duplicate: the same bytes of the same event, filed under its hour."""
        return filed(self.told_at, self.digest)


class IncomingObservation(Struct, frozen=True):
    """An observation on its way to the store; `orchestrator` is None for the job's own."""

    observation: Observation
    received_at: int
    orchestrator: str | None = None
    sender: Sender = Sender()


class DeadLetter(Struct, frozen=True):
    """Input that could not be understood, kept so that it can be replayed.

    key: what tells that it was parked before, of what may come in again without being sent again.
    """

    door: str  # lineage | observations | checks | kafka
    payload: bytes  # zstd of the redacted bytes
    size: int
    code: str
    path: str
    found: str
    expected: str
    received_at: int
    orchestrator: str | None = None
    key: bytes | None = None


class PingKind(StrEnum):
    """What a ping says of a run of its job."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"
    LOG = "log"


class IncomingPing(Struct, frozen=True, kw_only=True):
    """A ping of a heartbeat on its way to the store. `log` is redacted already.

    rid: which of several runs at a time it is of; "" where its sender tells none.
    """

    heartbeat: int
    kind: PingKind
    received_at: int
    rid: str = ""
    exit_status: int | None = None
    log: str = ""


Incoming = IncomingEvent | IncomingObservation | IncomingPing | DeadLetter


class Accepted(Struct, frozen=True):
    """The item is durable; `new` is False where it was there before."""

    new: bool = True


class Refused(Struct, frozen=True):
    """The item was understood but can't be stored; it lies among the dead letters."""

    reason: str


Outcome = Accepted | Refused


def filed(at: int, digest: bytes) -> bytes:
    """The digest below its hour: old ones are forgotten together. `at` in microseconds."""
    hour = min(max(at // _HOUR_US, 0), _LONGEST_HOUR)
    return hour.to_bytes(4, "big") + digest


def digest_of(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=16).digest()


AHEAD = "lies more than a day ahead of its receipt, taken as the time of receipt"


def not_ahead(told_at: int, received_at: int) -> int:
    """The time as it was told, unless it lies far ahead of the receipt: then that of the receipt.

    Something dated in a far future would be the latest word for ever.
    """
    return told_at if told_at <= received_at + _AHEAD_US else received_at


def incoming_event(
    event: LineageEvent, raw: bytes, redacted: bytes, received_at: int, sender: Sender
) -> IncomingEvent:
    """Prepares an event for the writer: digest, compressed payload, times in microseconds."""
    told_at = to_micros(event.event_time)
    at = not_ahead(told_at, received_at)
    if at != told_at:
        event = replace(event, warnings=(*event.warnings, Warning("$.eventTime", AHEAD)))
    return IncomingEvent(
        event=event,
        payload=compress(redacted),
        digest=digest_of(raw),
        told_at=told_at,
        at=at,
        received_at=received_at,
        sender=sender,
    )


def compress(raw: bytes) -> bytes:
    """zstd of the bytes."""
    compressor: zstandard.ZstdCompressor | None = getattr(_own, "compressor", None)
    if compressor is None:
        compressor = _own.compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    return compressor.compress(raw)
