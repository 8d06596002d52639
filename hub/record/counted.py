"""Counts what comes in by its type and by what became of it, whichever way it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hub.errors import BadInput
from hub.record.incoming import Accepted, DeadLetter, Outcome
from hub.record.intake import Read


class Figures(Protocol):
    """The metrics that tell it."""

    @property
    def events(self) -> Any: ...
    @property
    def dead_letters_parked(self) -> Any: ...


class Counted:
    """Remembers each counter: to look one up by its labels costs as much as the rest."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._counts: dict[tuple[str, str], Any] = {}

    def settled(self, reads: Sequence[Read], outcomes: Sequence[Outcome]) -> None:
        """An outcome for each item that was read."""
        self.note(reads, [result_of(outcome) for outcome in outcomes])

    def note(self, reads: Sequence[Read], results: Sequence[str]) -> None:
        """A result for each item that was read."""
        start = 0
        for read in reads:
            for result in results[start : start + len(read.items)]:
                self._counter(read.kind, "refused" if read.error else result).inc()
            start += len(read.items)
            if isinstance(read.error, BadInput) or _is_parked(read):
                self._figures.dead_letters_parked.inc()

    def _counter(self, kind: str, result: str) -> Any:
        found = self._counts.get((kind, result))
        if found is None:
            found = self._counts[(kind, result)] = self._figures.events.labels(kind, result)
        return found


def _is_parked(read: Read) -> bool:
    return any(isinstance(item, DeadLetter) for item in read.items)


def result_of(outcome: Outcome) -> str:
    """recorded, duplicate or refused."""
    if isinstance(outcome, Accepted):
        return "recorded" if outcome.new else "duplicate"
    return "refused"
