"""What comes in within one step, in layers in which nothing happens twice to one subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from hub.backtest.marks import NEVER, orchestrator_of
from hub.model import (
    BacklogObserved,
    Direction,
    EntityName,
    EventType,
    FreshnessPolicyObserved,
    HealthObserved,
    PartitionsObserved,
    ScheduleObserved,
)
from hub.record import Incoming, IncomingEvent, IncomingObservation

#: How long after one look the hub's own loop looks again.
LOOK: Final = timedelta(seconds=1)
_LOOK_US: Final = LOOK // timedelta(microseconds=1)
#: Heartbeats nearer to each other tell nothing new.
NEAR: Final = timedelta(minutes=6)
_NEAR_US: Final = NEAR // timedelta(microseconds=1)

Subject = tuple[str, str, str]  # sort, namespace, name


def layered(
    batch: list[Incoming], until_us: int, busy: Iterable[Subject] = ()
) -> tuple[list[Incoming], list[Incoming]]:
    """What came by then and is the first of all its subjects, and the rest. What happens to the busy
    waits.

    What comes within the hub's own period is looked at together, and heartbeats with what came not
    long before them.
    """
    layer: list[Incoming] = []
    rest: list[Incoming] = []
    touched = dict.fromkeys(busy, -NEVER)
    for place, item in enumerate(batch):
        at_us = item.received_at
        if at_us > until_us:
            return layer, rest + batch[place:]
        subjects = list(subjects_of(item))
        near = _NEAR_US if _is_beat(item) else _LOOK_US
        if any(at_us - touched.get(one, at_us) > near for one in subjects):
            rest.append(item)
            touched |= dict.fromkeys(subjects, -NEVER)  # what follows waits, too
        else:
            layer.append(item)
            for one in subjects:
                touched[one] = at_us
    return layer, rest


def presses(item: Incoming) -> bool:
    """Whether it is looked at as soon as it comes: of an orchestrator it matters for how long."""
    return isinstance(item, IncomingObservation) and isinstance(
        item.observation, HealthObserved | BacklogObserved
    )


def _is_beat(item: Incoming) -> bool:
    return isinstance(item, IncomingEvent) and item.event.event_type is EventType.RUNNING


def first_happening(batch: list[Incoming]) -> dict[Subject, int]:
    found: dict[Subject, int] = {}
    for item in batch:
        for one in subjects_of(item):
            found.setdefault(one, item.received_at)
    return found


def subjects_of(item: Incoming) -> Iterator[Subject]:
    """What rules could be looking at when this happens."""
    if isinstance(item, IncomingEvent):
        if item.event.job is not None:
            yield ("job", *pair(item.event.job.name))
        for one in item.event.datasets:
            if one.direction is not Direction.INPUT or one.checks:
                yield ("dataset", *pair(one.name))
    elif isinstance(item, IncomingObservation):
        yield _observed(item)


def _observed(item: IncomingObservation) -> Subject:
    seen = item.observation
    if isinstance(seen, ScheduleObserved):
        return ("job", *pair(seen.job))
    if isinstance(seen, FreshnessPolicyObserved | PartitionsObserved):
        return ("dataset", *pair(seen.dataset))
    part = seen.part if isinstance(seen, HealthObserved) else getattr(seen, "pool", "")
    return (type(seen).__name__, orchestrator_of(item), part)


def pair(name: EntityName) -> tuple[str, str]:
    return name.namespace, name.name
