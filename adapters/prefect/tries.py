"""The tries of a run, by the states it was in.

A row has only its present state and `run_count`, how often it began to run. What came before stands
in the history of its states, which is asked for where there was more than one try.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from adapters.prefect.wire import ENDED, PAUSED, RUNNING, WAITING, Run, State


class Try(Struct, frozen=True):
    """One try. `end`: the state that ended it, None while it goes on or has not begun."""

    number: int
    started: datetime | None = None
    end: State | None = None


def needs_history(row: Run) -> bool:
    """Whether the row alone does not tell its tries."""
    waits = row.state is not None and row.state.type in WAITING
    return row.run_count > 1 or (row.run_count == 1 and waits)


def tries_of(row: Run, history: Sequence[State]) -> list[Try]:
    """In their order; the last is that of the row."""
    found = _walk(_until(row, history)) if history else []
    if not found:
        begun = row.start_time if row.run_count else None
        end = row.state if row.state is not None and row.state.type in ENDED else None
        return [Try(max(row.run_count, 1), begun, end)]
    last = found[-1].number
    return [replace(one, number=one.number + max(row.run_count, last) - last) for one in found]


def _until(row: Run, history: Sequence[State]) -> list[State]:
    """Up to the row's own state: a later one belongs to the next look."""
    states = sorted(history, key=lambda state: state.timestamp)
    now = None if row.state is None else row.state.id
    place = next((n for n, state in enumerate(states) if state.id == now), len(states))
    return states[: place + 1]


def _walk(states: Sequence[State]) -> list[Try]:
    """A run that was paused goes on with the same try, also if it was suspended and begun anew."""
    found: list[Try] = []
    paused = False
    for state in states:
        goes_on = bool(found) and found[-1].end is None
        if state.type == PAUSED:
            paused = True
        elif state.type == RUNNING and goes_on and paused:
            paused = False
        elif state.type == RUNNING:
            if goes_on:
                found[-1] = replace(found[-1], end=state)
            found.append(Try(len(found) + 1, state.timestamp))
        elif found and (state.type in ENDED or (state.type in WAITING and goes_on and not paused)):
            found[-1] = replace(found[-1], end=state)
            paused = False
    return found
