"""What a condition is decided about, what it may ask, and what is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from hub.model import EntityName
from hub.triggers.conditions.tree import Quality


class Arrival(Struct, frozen=True):
    """One update as a condition sees it.

    partition: of the target, for which it counts ("": none). source_partition: of the dataset
    itself. at: when it was updated; an update is never decided about before it was heard of.
    tags: key, or key:value.
    """

    update_id: int
    dataset: EntityName
    partition: str
    at: datetime
    rows: int | None = None
    bytes: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    job: EntityName | None = None
    team: str | None = None
    source_partition: str = ""

    @property
    def part(self) -> str:
        """The partition of the dataset that was written."""
        return self.source_partition or self.partition


class GateAnswer(Protocol):
    """passed: None where that can't be said yet. again_at: when time alone may change it."""

    @property
    def passed(self) -> bool | None: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def again_at(self) -> datetime | None: ...


class Facts(Protocol):
    """What only the store knows. The same question is asked once per decision."""

    def gate(self, dataset: EntityName, partition: str, wanted: Quality, /) -> GateAnswer: ...

    def lacking(self, dataset: EntityName, partition: str, there: frozenset[str], /) -> str | None:
        """What is lacking of a dataset whose partitions make up the target's, in words; None: nothing.

        there: partitions whose updates count. "2 of 24 partitions are not there: 05, 06".
        """

    def last_metric(self, dataset: EntityName, metric: str, /) -> float | None:
        """Of the latest update of any partition; `rows` and `bytes` are metrics, too."""


class Past(Struct, frozen=True):
    """last_launch_at: the `now` of the decision that last launched this target partition."""

    last_launch_at: datetime | None = None


class Wait(Struct, frozen=True):
    """One thing that is waited for. dataset: None where it is time, or one of several datasets.

    since: when the waiting began; None: nothing is there yet.
    """

    text: str
    dataset: EntityName | None = None
    since: datetime | None = None


class Ignored(Struct, frozen=True):
    """An update that counts for nothing, now or later."""

    update_id: int
    reason: str


class Decision(Struct, frozen=True):
    """Whether to launch now.

    consumed: the updates that the launch uses up; those that are not in it are decided about again.
    coalesced: those among them that it did not need, for another of the same dataset and partition
    came later, or others were enough. waiting_for: nothing if it launches. again_at: when time
    alone may change the answer; if it launches, that for what is left over. note: what is to be
    said of the launch, if it is not an ordinary one.
    """

    satisfied: bool
    consumed: tuple[int, ...] = ()
    coalesced: tuple[int, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    waiting_for: tuple[Wait, ...] = ()
    again_at: datetime | None = None
    note: str = ""
