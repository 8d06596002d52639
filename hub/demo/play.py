"""Plays the made-up world into a hub, through the same intake as everybody's events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import msgspec

from hub.demo.desk import history
from hub.demo.facets import Json
from hub.demo.history import simulate
from hub.demo.mishaps import mishaps
from hub.demo.observed import observations
from hub.demo.payloads import captured
from hub.record import Accepted, Sender
from hub.record.intake import Intake, Writes

BATCH: Final = 500


@dataclass
class Told:
    """What became of what was played."""

    new: int = 0
    again: int = 0
    refused: int = 0
    observed: int = 0


@dataclass(frozen=True)
class World:
    """Everything there is to play."""

    events: Sequence[bytes]
    observations: Sequence[tuple[str, Json]]
    mishaps: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.events) + len(self.observations) + len(self.mishaps)


def world(now: datetime, weeks: int, seed: int) -> World:
    simulated = (msgspec.json.encode(event) for event in simulate(now, weeks, seed))
    desk = (msgspec.json.encode(event) for event in history(now))
    events = [*captured(), *simulated, *desk]
    return World(events, [*observations(now, weeks, seed)], mishaps(now))


def play(intake: Intake, writer: Writes, made_up: World, advance: Callable[[int], object]) -> Told:
    """Records the world; what is there already is a duplicate. `advance` hears of each step."""
    told = Told()
    _play_events(intake, writer, made_up.events, told, advance)
    for orchestrator, found in groupby(made_up.observations, key=lambda pair: pair[0]):
        seen = [each for _, each in found]
        read = intake.observations(msgspec.json.encode(seen), Sender(), orchestrator)
        writer.record(read.items)
        told.observed += len(seen)
        advance(len(seen))
    if told.new:  # a dead letter is kept as often as it comes
        _play_events(intake, writer, made_up.mishaps, told, advance)
    return told


def _play_events(
    intake: Intake,
    writer: Writes,
    events: Sequence[bytes],
    told: Told,
    advance: Callable[[int], object],
) -> None:
    for start in range(0, len(events), BATCH):
        some = events[start : start + BATCH]
        reads = [intake.event(raw, Sender()) for raw in some]
        told.refused += sum(read.error is not None for read in reads)
        items = [item for read in reads for item in read.items]
        good = [read.error is None for read in reads for _ in read.items]
        for outcome, sound in zip(writer.record(items), good, strict=True):
            if sound and isinstance(outcome, Accepted):
                told.new += outcome.new
                told.again += not outcome.new
        advance(len(some))
