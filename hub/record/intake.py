"""From bytes to the writer's queue: redact, decode, check what the sender may write.

The same steps for every way in (door, replay, imports, calls of the API that become events).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from hub.errors import BadInput, Forbidden, TracksideError
from hub.model import (
    FreshnessPolicyObserved,
    LineageEvent,
    Observation,
    PartitionsObserved,
    ScheduleObserved,
)
from hub.openlineage.decode import decode_event
from hub.openlineage.faults import Phrase
from hub.openlineage.observations import decode_observations
from hub.quality.custom import read_checks
from hub.record.foreign import MayWrite, own_claims, own_relations
from hub.record.incoming import (
    DeadLetter,
    Incoming,
    IncomingObservation,
    Outcome,
    Sender,
    compress,
    digest_of,
    filed,
    incoming_event,
)
from hub.store.types import from_micros

# What only a sender with the glob `*` may write: it speaks for orchestrators at large.
ANY_NAMESPACE = ""


class Redacts(Protocol):
    """Takes secrets out of a payload."""

    def redact(self, raw: bytes) -> bytes: ...


class Writes(Protocol):
    """The part of the writer that waits."""

    def record(self, items: Sequence[Incoming], size: int = 0) -> list[Outcome]: ...


class Origin(msgspec.Struct, frozen=True):
    """Where something lies that nobody sends again: which one it is, and since when (µs)."""

    door: str
    place: str
    at: int


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

    def event(
        self,
        raw: bytes,
        sender: Sender,
        may_write: MayWrite = everywhere,
        *,
        received_at: int | None = None,
    ) -> Read:
        """One lineage event. What can't be understood becomes a dead letter.

        `received_at` (microseconds) if it came in earlier.
        """
        came = self._clock() if received_at is None else received_at

        def read(redacted: bytes) -> Read:
            event = within(decode_event(redacted), may_write)
            return Read([incoming_event(event, raw, redacted, came, sender)], _kind_of(event))

        return self._read("lineage", raw, sender, read)

    def message(
        self,
        raw: bytes,
        sender: Sender,
        may_write: MayWrite,
        origin: Origin,
        *,
        received_at: int | None = None,
    ) -> Read:
        """One lineage event whose sender hears no answer: all that can't be taken is parked.

        What it may not write too, and each once, however often it is handed in.
        """
        read = self.event(raw, sender, may_write, received_at=received_at)
        if read.error is None:
            return read
        letter = read.items[0] if read.items else self._forbidden(raw, sender, read.error)
        assert isinstance(letter, DeadLetter)
        path = f"{origin.place} {letter.path or '$'}"
        key = filed(origin.at, digest_of(f"{origin.door} {origin.place} ".encode() + raw))
        parked = replace(letter, door=origin.door, path=path, key=key)
        return Read([parked], read.kind, read.error)

    def _forbidden(self, raw: bytes, sender: Sender, error: TracksideError) -> DeadLetter:
        wrong = BadInput("$", Phrase(str(error)), "an event that may be written")
        return replace(self._letter("lineage", self._redact(raw), sender, wrong), code=error.code)

    def observations(
        self,
        raw: bytes,
        sender: Sender,
        orchestrator: str | None,
        may_write: MayWrite = everywhere,
        *,
        received_at: int | None = None,
    ) -> Read:
        """One observation or an array of them; all of them or none.

        `orchestrator` is the one that backlog, health and watermarks are of. A sender that is
        bound to one speaks for no other. `received_at` (microseconds) if they came in earlier.
        """
        came = self._clock() if received_at is None else received_at

        def read(redacted: bytes) -> Read:
            seen = decode_observations(redacted)
            _check_orchestrator(sender, orchestrator)
            for one in seen:
                _check_subject(one, sender, may_write)
            items: list[Incoming] = [
                IncomingObservation(one, came, orchestrator, sender) for one in seen
            ]
            return Read(items, "observation")

        return self._read("observations", raw, sender, read)

    def checks(
        self,
        raw: bytes,
        sender: Sender,
        may_write: MayWrite = everywhere,
        *,
        received_at: int | None = None,
    ) -> Read:
        """One check or an array of them, of datasets that the sender may write; all or none.

        `received_at` (microseconds) if they came in earlier.
        """
        came = self._clock() if received_at is None else received_at

        def read(redacted: bytes) -> Read:
            made = read_checks(redacted, from_micros(came))
            told = [(within(decode_event(one), may_write), one) for one in made]
            return Read([incoming_event(e, one, one, came, sender) for e, one in told], "dataset")

        return self._read("checks", raw, sender, read)

    def _read(self, door: str, raw: bytes, sender: Sender, read: Callable[[bytes], Read]) -> Read:
        redacted = self._redact(raw)
        try:
            return read(redacted)
        except BadInput as error:
            return Read([self._letter(door, redacted, sender, error)], "unknown", error)
        except Forbidden as error:
            return Read([], "unknown", error)

    def now(self) -> int:
        """When what comes in now was received, in microseconds."""
        return self._clock()

    def clean(self, text: str) -> str:
        """A text that somebody gives outside of events, less its secrets."""
        return msgspec.json.decode(self._redact(msgspec.json.encode(text)), type=str)

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


def within(event: LineageEvent, may_write: MayWrite) -> LineageEvent:
    """The event as far as its sender may write: Forbidden if not even its own job or dataset.

    What it says of the jobs, runs and datasets of other namespaces is left out, with a warning.
    """
    event = own_claims(event, may_write)
    if event.job is None:
        for facts in event.datasets:
            may_write(facts.name.namespace)
        return event
    may_write(event.job.name.namespace)
    return own_relations(event, may_write)


def _check_orchestrator(sender: Sender, named: str | None) -> None:
    if sender.orchestrator is not None and named not in {None, sender.orchestrator}:
        raise Forbidden(
            f"this token speaks for the orchestrator {sender.orchestrator!r}, not for {named!r}"
        )


def _check_subject(seen: Observation, sender: Sender, may_write: MayWrite) -> None:
    """A job's or dataset's namespace, or the right to speak for orchestrators at large."""
    if isinstance(seen, ScheduleObserved):
        may_write(seen.job.namespace)
    elif isinstance(seen, FreshnessPolicyObserved | PartitionsObserved):
        may_write(seen.dataset.namespace)
    elif sender.orchestrator is None:
        may_write(ANY_NAMESPACE)
