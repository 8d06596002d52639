"""What a plan of a backfill is made of: steps, and what was looked at."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct, field

from hub.model import EntityName
from hub.schedules.grids import PartitionStatus
from hub.triggers.backfills.graph import Dataset, Job

#: What makes a partition be made, the strongest reason first.
WHY: Final = (
    PartitionStatus.FAILED,
    PartitionStatus.MISSING,
    PartitionStatus.STALE,
    PartitionStatus.RUNNING,
)
ASKED: Final = "asked"
FOLLOWS: Final = "follows"  # complete, but made of what is made anew


class At(NamedTuple):
    """A partition of a dataset, by canonical key."""

    dataset: int
    key: str


class Unit(NamedTuple):
    """A job, and the canonical key of the partition that it is to run for."""

    job: int
    key: str


class Written(Struct, frozen=True):
    """What a step writes, and how that stood when it was planned."""

    dataset: EntityName
    partition: str
    status: PartitionStatus


class Step(Struct, frozen=True):
    """One run of a job for one partition, after the steps `after`.

    partition: as the job is told it; None: it has none. run: one that is under way for it.
    """

    no: int
    job: Job
    partition: str | None
    level: int
    writes: list[Written]
    datasets: list[int]
    why: str
    after: list[int]
    barred: str | None
    run: int | None = None
    begin: datetime | None = None


class Looked(Struct, frozen=True):
    """How the partitions of one dataset stand that are a part of this, and how many steps make them."""

    dataset: Dataset
    counts: dict[PartitionStatus, int]
    steps: int


class Plan(Struct, frozen=True):
    """Steps in an order in which each stands behind those that it waits for."""

    steps: list[Step]
    looked: list[Looked]
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many steps, by why."""
        counted = Counter(step.why for step in self.steps)
        return {why: counted[why] for why in (*WHY, ASKED, FOLLOWS)}
