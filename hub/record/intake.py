"""From bytes to the writer's queue: redact, decode, check what the sender may write.

The same steps for every way in (door, replay, imports, calls of the API that become events).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from hub.errors import BadInput, Forbidden, TracksideError
from hub.model import LineageEvent
from hub.openlineage.decode import decode_event
from hub.openlineage.observations import decode_observations
from hub.record.incoming import (
    DeadLetter,
    Incoming,
    IncomingObservation,
    Outcome,
    Sender,
    compress,
    incoming_event,
)

MayWrite = Callable[[str], None]  # raises Forbidden for a namespace it may not write


class Redacts(Protocol):
    """Takes secrets out of a payload."""

    def redact(self, raw: bytes) -> bytes: ...


class Writes(Protocol):
    """The part of the writer that waits."""

    def record(self, items: Sequence[Incoming], size: int = 0) -> list[Outcome]: ...


class Read(msgspec.Struct, frozen=True):
    """What became of some bytes: items for the writer, and the error to answer, if any."""

    items: list[Incoming]
    kind: str  # run, job, dataset, observation, unknown
    error: TracksideError | None = None


def everywhere(namespace: str) -> None:
    """May write every namespace."""


class Intake:
    """Reads what senders send."""

    def __init__(self, redactor: Redacts, clock: Callable[[], int]) -> None:
        self._redact = redactor.redact
        self._clock = clock

    def event(self, raw: bytes, sender: Sender, may_write: MayWrite = everywhere) -> Read:
        """One lineage event. What can't be understood becomes a dead letter."""
        redacted = self._redact(raw)
        try:
            event = decode_event(redacted)
            may_write(_namespace_of(event))
        except BadInput as error:
            return Read([self._letter("lineage", redacted, sender, error)], "unknown", error)
        except Forbidden as error:
            return Read([], "unknown", error)
        item = incoming_event(event, raw, redacted, self._clock(), sender)
        return Read([item], _kind_of(event))

    def observations(
        self, raw: bytes, sender: Sender, orchestrator: str | None, may_write: MayWrite = everywhere
    ) -> Read:
        """One observation or an array of them; all of them or none."""
        redacted = self._redact(raw)
        try:
            seen = decode_observations(redacted)
            for one in seen:
                may_write(_namespace_of_observation(one))
        except BadInput as error:
            return Read([self._letter("observations", redacted, sender, error)], "unknown", error)
        except Forbidden as error:
            return Read([], "unknown", error)
        now = self._clock()
        items: list[Incoming] = [IncomingObservation(o, now, orchestrator, sender) for o in seen]
        return Read(items, "observation")

    def unreadable(self, raw: bytes, sender: Sender, error: BadInput) -> DeadLetter:
        """A whole body that is not even a batch."""
        return self._letter("lineage", self._redact(raw), sender, error)

    def _letter(self, door: str, raw: bytes, sender: Sender, error: BadInput) -> DeadLetter:
        return DeadLetter(
            door=door,
            payload=compress(raw),
            size=len(raw),
            code=error.code,
            path=error.path,
            found=error.found,
            expected=error.expected,
            received_at=self._clock(),
            orchestrator=sender.orchestrator,
        )


def record_json(
    intake: Intake,
    writer: Writes,
    events: Sequence[object],
    sender: Sender,
    may_write: MayWrite = everywhere,
) -> list[Outcome]:
    """Records events that the hub makes itself of a call; raises what the first wrong one is."""
    items: list[Incoming] = []
    for event in events:
        read = intake.event(msgspec.json.encode(event), sender, may_write)
        if read.error is not None:
            raise read.error
        items += read.items
    return writer.record(items)


def _kind_of(event: LineageEvent) -> str:
    if event.run is not None:
        return "run"
    return "job" if event.job is not None else "dataset"


def _namespace_of(event: LineageEvent) -> str:
    """The namespace that the event writes: its job's, else its dataset's."""
    if event.job is not None:
        return event.job.name.namespace
    return event.datasets[0].name.namespace if event.datasets else ""


def _namespace_of_observation(seen: object) -> str:
    name = getattr(seen, "job", None) or getattr(seen, "dataset", None)
    return name.namespace if name is not None else ""
