"""What a backfill is planned over: datasets with their partitions, and the jobs that write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from hub.model import EntityName
from hub.schedules.grids import PartitionStatus
from hub.schedules.layouts import Layout
from hub.schedules.spelling import spelt
from hub.schedules.stretches import ORDER
from hub.triggers.partitions import FanOut, Fixed, Identity, Mapping_, TimeWindow

#: The one partition of a dataset that has none.
WHOLE: Final = ""


class Way(StrEnum):
    """Which way a backfill goes from the dataset that is asked for."""

    UPSTREAM = "upstream"  # it, and what it is made of
    DOWNSTREAM = "downstream"  # it, and what is made of it


class Part(Struct, frozen=True):
    """How one partition of a dataset stands.

    key: as it is told to an orchestrator. run: the one that is under way for it. maker: the job
    that wrote it last.
    """

    status: PartitionStatus
    key: str
    run: int | None = None
    maker: int | None = None


class Dataset(Struct, frozen=True):
    """level: datasets away from the one that is asked for. parts: by canonical key.

    latest: a key that was told of it, which shows how its keys look. whole: it has no partitions.
    """

    id: int
    name: EntityName
    level: int
    layout: Layout
    parts: Mapping[str, Part]
    latest: str | None = None
    whole: bool = False

    def part(self, key: str) -> Part:
        """One that nobody has told of is missing."""
        return self.parts.get(key) or Part(PartitionStatus.MISSING, self.told(key))

    def told(self, key: str) -> str:
        """A canonical key in the form that the dataset's keys have, where it says the same."""
        cut = self.layout.cut
        return key if cut is None or self.latest is None else spelt(key, self.latest, cut)


class Job(Struct, frozen=True):
    """An outermost job. reads, writes: datasets by id, also those of jobs within it.

    barred: why it can't be launched. seconds: how long a run of it is expected to take, if that is
    known.
    """

    id: int
    name: EntityName
    orchestrator: str | None
    reads: Sequence[int] = ()
    writes: Sequence[int] = ()
    barred: str | None = None
    seconds: float | None = None


class Telling(Struct, frozen=True):
    """How a job is told which partition: texts in which {partition} stands for its key."""

    partition: str | None = "{partition}"
    conf: Mapping[str, Any] = {}


class Asked(Struct, frozen=True):
    """What is asked for. keys: canonical, of the root dataset.

    mappings: by input and output, where what the layouts say is not right. rerun: the partitions
    of the root are made anew whatever they are like.
    """

    root: int
    keys: Sequence[str]
    way: Way = Way.UPSTREAM
    rerun: bool = False
    mappings: Mapping[tuple[int, int], Mapping_] = {}
    most: int = 1000


class Graph(Struct, frozen=True):
    """Datasets and jobs by id. notes: what was left out of it, and why."""

    datasets: Mapping[int, Dataset]
    jobs: Mapping[int, Job]
    notes: Sequence[str] = ()

    def makers(self, dataset: int) -> list[Job]:
        return [one for one in self.jobs.values() if dataset in one.writes]

    def readers(self, dataset: int) -> list[Job]:
        return [one for one in self.jobs.values() if dataset in one.reads]


def mapping_between(source: Dataset, to: Dataset) -> Mapping_:
    """How partitions of an input count for those of an output, by how both cut time."""
    if to.whole:
        return Fixed(WHOLE)
    its, own = source.layout.cut, to.layout.cut
    if its is None or own is None or its == own:
        return Identity()
    if ORDER.index(own.every) < ORDER.index(its.every):
        return FanOut(own, its)
    return TimeWindow(own, its)
