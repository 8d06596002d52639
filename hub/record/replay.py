"""Dead letters once more, after what was wrong has been mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from hub.record.foreign import MayWrite
from hub.record.incoming import DeadLetter, Outcome, Refused, Sender
from hub.record.intake import Intake, Read, Writes, everywhere
from hub.store.dead_letters import Letter, mark_replayed
from hub.store.types import to_micros

T = TypeVar("T")


class Writer(Writes, Protocol):
    """What is needed of the writer."""

    def call(self, function: Callable[[Any], T]) -> T: ...


class Replayed(Struct, frozen=True):
    """What became of a letter; `reason` says why it is still one."""

    letter: Letter
    recorded: bool
    reason: str = ""


def replay(
    intake: Intake,
    writer: Writer,
    letter: Letter,
    payload: bytes,
    *,
    now: datetime,
    may_write: MayWrite = everywhere,
) -> Replayed:
    """Hands the letter in again. One that is still wrong stays as it is; no second one is made."""
    read = _read(intake, letter, payload, may_write)
    wrong = read.error is not None or any(isinstance(item, DeadLetter) for item in read.items)
    if wrong:
        return Replayed(letter, recorded=False, reason=str(read.error))
    refused = next((o for o in _record(writer, read) if isinstance(o, Refused)), None)
    if refused is not None:
        return Replayed(letter, recorded=False, reason=refused.reason)
    writer.call(lambda connection: mark_replayed(connection, [letter.id], now))
    return Replayed(letter, recorded=True)


def _read(intake: Intake, letter: Letter, payload: bytes, may_write: MayWrite) -> Read:
    """As if it had been understood when it came in."""
    sender, came = Sender(letter.orchestrator), to_micros(letter.received_at)
    if letter.door == "observations":
        whose = letter.orchestrator
        return intake.observations(payload, sender, whose, may_write, received_at=came)
    if letter.door == "checks":
        return intake.checks(payload, sender, may_write, received_at=came)
    return intake.event(payload, sender, may_write, received_at=came)


def _record(writer: Writer, read: Read) -> list[Outcome]:
    return writer.record(read.items)
