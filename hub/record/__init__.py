"""Record: lineage events and observations become rows, idempotent and in any order (DESIGN 1.1)."""

from hub.record.incoming import (
    Accepted,
    DeadLetter,
    Incoming,
    IncomingEvent,
    IncomingObservation,
    Outcome,
    Refused,
    Sender,
    incoming_event,
)
from hub.record.recorder import Recorder

__all__ = [
    "Accepted",
    "DeadLetter",
    "Incoming",
    "IncomingEvent",
    "IncomingObservation",
    "Outcome",
    "Recorder",
    "Refused",
    "Sender",
    "incoming_event",
]
