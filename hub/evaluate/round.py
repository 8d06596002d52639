"""What one round of evaluation has read and found, until it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from hub.baselines.baseline import Baseline
from hub.evaluate.maintenance import Maintenance
from hub.incidents import PLAIN, Terms
from hub.model import EntityName
from hub.rules.base import Blind, DatasetSeen, JobSeen, Judgement, OrchestratorSeen, RollCall
from hub.schedules.spans import Origin
from hub.store import outages
from hub.store.changes import Places
from hub.store.column_impact import Below
from hub.store.cursors import Change
from hub.store.dataset_baselines import Learned
from hub.store.db import Connection
from hub.store.expectations import Horizons, Looked
from hub.store.hub_schedules import HubSchedule
from hub.store.incident_steps import Place
from hub.store.neighbours import Neighbours
from hub.store.orchestrator_facts import roll_calls
from hub.store.spans import Spans

OpenKeys = dict[tuple[str, int], dict[str, datetime]]
"""Keys of open incidents by (rule, subject), with since when it is wrong, as was told."""

RollCalls = dict[int, RollCall]
"""By orchestrator."""


class Judged(Protocol):
    """A subject's row."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> EntityName: ...

    @property
    def orchestrator_id(self) -> int: ...


class Found(Struct, frozen=True):
    """What a rule saw and found of a subject, and what surrounds the subject if it looks bad.

    columns: by the key of a verdict that names columns, those that derive from them.
    """

    place: Place
    looked: Looked
    orchestrator_id: int
    judgement: Judgement
    error: str | None = None  # why there is none
    below: Neighbours | None = None
    above: Neighbours | None = None
    terms: Terms = PLAIN
    seen: JobSeen | DatasetSeen | OrchestratorSeen | None = None
    columns: Mapping[str, Below] = {}


class Pace(Struct, frozen=True):
    """Of a replay, in which each subject is as far as what is known of it.

    due: what is looked at. as_of: up to when a subject is known, by its sort, name and orchestrator.
    """

    due: Sequence[Looked]
    as_of: Callable[[str, EntityName, int], datetime | None]


@dataclass(slots=True)
class Round:
    """`horizons`: up to when each orchestrator may be judged. more: something may be left."""

    now: datetime
    horizons: Horizons
    more: bool = False
    patient: bool = True  # what is read for the first time is looked at when that has ended
    places: Places = field(default_factory=dict)  # in the changes, after this round
    found: list[Found] = field(default_factory=list)
    gone: Sequence[Looked] = ()  # due, but nobody's any more
    callers: Sequence[str] = ()  # the rules by whose expectations the roll is called
    listeners: Sequence[str] = ()  # the rules that listen for signs of life
    timed: Sequence[tuple[int, Terms]] = ()  # incidents that time alone moves, of what terms
    fitted: dict[int, Baseline | None] = field(default_factory=dict)
    edited: Spans = field(default_factory=dict)
    schedules: dict[tuple[int, Origin], HubSchedule | None] = field(default_factory=dict)
    windows: Sequence[Maintenance] = ()
    changes: Sequence[Change] = ()
    learned: Learned = field(default_factory=dict)
    pace: Pace | None = None
    _calls: RollCalls = field(default_factory=dict)
    _outages: Sequence[Blind] | None = None

    def as_of(self, subject: str, row: Judged) -> datetime | None:
        """Up to when a subject may be judged; None: not at all yet."""
        if self.pace is not None:
            return self.pace.as_of(subject, row.name, row.orchestrator_id)
        return self.horizons.of(row.orchestrator_id)

    def known(self, subject: str, row: Judged) -> datetime:
        """What the clock shows where the subject is."""
        if self.pace is None:
            return self.now
        return self.pace.as_of(subject, row.name, row.orchestrator_id) or self.now

    def outages(self, connection: Connection) -> Sequence[Blind]:
        """When no hub was there; it is asked once in a round."""
        if self._outages is None:
            self._outages = outages.outages(connection, self.now - outages.KEPT)
        return self._outages

    def roll_calls(self, connection: Connection, orchestrators: Iterable[int]) -> RollCalls:
        """How the jobs of these orchestrators do; of each it is asked once in a round."""
        fresh = set(orchestrators) - self._calls.keys()
        self._calls |= roll_calls(connection, fresh, self.callers, self.now)
        return self._calls

    @property
    def empty(self) -> bool:
        return not (self.places or self.found or self.gone or self.timed or self.schedules)
