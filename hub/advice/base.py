"""What every pattern is given, what it finds, and the registry that it is in.

@pattern("overlap", "Runs of a job overlap")
def overlapping(world: World, now: datetime) -> Iterator[Advice]: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from statistics import median
from typing import Final

from msgspec import Struct

from hub.model import EntityName, Evidence, RunState, Schedule
from hub.registry import Registry
from hub.schedules.spans import Span

#: So far back is looked: a month shows each day of the week four times.
WINDOW: Final = timedelta(days=30)
#: Of fewer runs nothing is told: ten of ten alike come about by chance once in a thousand.
LEAST: Final = 10
#: So many examples stand for all.
EXAMPLES: Final = 3


class RunSeen(Struct, frozen=True, gc=False):
    """One run of a job, as of its latest attempt. by_clock: no person, data or other run started it."""

    id: str
    start: datetime
    end: datetime | None = None
    state: RunState = RunState.COMPLETED
    nominal: datetime | None = None
    partition: str | None = None
    by_clock: bool = True


class JobSeen(Struct, frozen=True, kw_only=True, gc=False):
    """A job. What jobs within it do counts as its own, unless they have a schedule of their own.

    schedule: the one that holds; told_by: who says so (file, facet, observation, learned), since
    when in `told_at`. spans: it over time, of those without catchup alone. runs: its latest, in
    their order, without those of the jobs within it. tasks: jobs within it that ran lately.
    endless: it is a stream or a service. heard: it has run, however long ago. launched_by:
    subscriptions that launch it. kind: of its orchestrator.
    """

    id: int
    name: EntityName
    team: str | None = None
    owned: bool = False
    orchestrator: str | None = None
    kind: str | None = None
    parent: int | None = None
    schedule: Schedule | None = None
    told_by: str | None = None
    told_at: datetime | None = None
    spans: Sequence[Span] = ()
    runs: Sequence[RunSeen] = ()
    reads: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    tasks: int = 0
    task_names: Sequence[EntityName] = ()
    endless: bool = False
    heard: bool = True
    launched_by: Sequence[str] = ()

    @property
    def on_clock(self) -> bool:
        """Somebody declares a cron expression or an interval, and it is not paused."""
        return (
            self.schedule is not None
            and self.schedule.kind in {"cron", "interval"}
            and not self.schedule.paused
            and self.told_by != "learned"
        )

    @property
    def clocked(self) -> list[RunSeen]:
        """The runs that the clock started."""
        return [run for run in self.runs if run.by_clock]


class UpdateSeen(Struct, frozen=True, gc=False):
    """A run wrote a dataset; of several partitions of one run the last. `run` is the store's id."""

    at: datetime
    run: int | None = None
    partition: str = ""
    bytes: int | None = None
    overwrote: bool = False


class DatasetSeen(Struct, frozen=True, kw_only=True, gc=False):
    """A dataset. updates: the latest, in their order; all: they are all there were in the window.

    written_since, read_at: when a job was first known to write, last known to read it. subscribers:
    subscriptions that wait for it. wanted: somebody says how fresh it is to be, or offers it.
    """

    id: int
    name: EntityName
    team: str | None = None
    updates: Sequence[UpdateSeen] = ()
    all: bool = True
    writers: frozenset[int] = frozenset()
    readers: frozenset[int] = frozenset()
    written_since: datetime | None = None
    read_at: datetime | None = None
    subscribers: Sequence[str] = ()
    wanted: bool = False

    def known_from(self) -> datetime | None:
        """Since when all updates are known; None: of the whole window."""
        return None if self.all or not self.updates else self.updates[0].at


class Operator(Struct, frozen=True):
    """What runs in a task, as its orchestrator says. deferrable: it waits outside of workers."""

    name: str
    path: str = ""
    deferrable: bool = False
    mode: str | None = None


class TaskSeen(Struct, frozen=True, kw_only=True):
    """A task that takes long or moves much. starts, attempts: of its latest run, how often it was
    told to start, and how often it was tried. median_bytes: that its runs wrote.
    """

    job: int
    operator: Operator
    runs: int
    mean_s: float = 0.0
    starts: int = 1
    attempts: int = 1
    median_bytes: int = 0
    latest_run: str | None = None


class TrySeen(Struct, frozen=True):
    """One attempt of a run. `run` is the store's id."""

    run: int
    job: int
    no: int
    id: str
    state: RunState
    first_at: datetime
    ended_at: datetime | None = None
    error_class: str | None = None
    error_message: str | None = None


class RewriteSeen(Struct, frozen=True):
    """A write of a partition that was written several times, by a run that completed.

    slot: what the run is of, as far as it says.
    """

    dataset: int
    partition: str
    job: int
    run: str
    at: datetime
    rows: int
    slot: str | None = None


class World(Struct, frozen=True, kw_only=True):
    """All that is seen. since: what is older was not looked at. deaf: times, from and until, in which
    no hub was there to hear anything.
    """

    since: datetime
    jobs: Mapping[int, JobSeen] = {}
    datasets: Mapping[int, DatasetSeen] = {}
    tasks: Sequence[TaskSeen] = ()
    tries: Sequence[TrySeen] = ()
    rewrites: Sequence[RewriteSeen] = ()
    deaf: Sequence[tuple[datetime, datetime]] = ()


class Example(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One case of many. run: the run id of an attempt."""

    text: str
    job: EntityName | None = None
    run: str | None = None
    dataset: EntityName | None = None


class Subscribe(Struct, frozen=True):
    """A subscription that would do it. any: one of the inputs is enough. same_partition: it is
    launched for the one that was updated.
    """

    job: EntityName
    orchestrator: str | None
    team: str | None
    inputs: Sequence[EntityName]
    any: bool = False
    same_partition: bool = False


class Advice(Struct, frozen=True, kw_only=True):
    """What is wrong with a job or dataset, how it is known, and what to do instead.

    saves_s: seconds that each run would be earlier. paste: what to write into trackside.yaml.
    named: the jobs and datasets that it speaks of, whom alone who sees all of them may read it.
    """

    kind: str
    says: str
    fix: str
    job: EntityName | None = None
    dataset: EntityName | None = None
    team: str | None = None
    evidence: Evidence = {}
    examples: Sequence[Example] = ()
    saves_s: float | None = None
    paste: Subscribe | str | None = None
    jobs: frozenset[int] = frozenset()
    datasets: frozenset[int] = frozenset()

    @property
    def key(self) -> str:
        """The same as long as it is about the same."""
        subject = self.job or self.dataset or EntityName("", "")
        told = "\0".join((self.kind, "job" if self.job else "dataset", *_parts(subject)))
        return blake2b(told.encode(), digest_size=8).hexdigest()


def _parts(name: EntityName) -> tuple[str, str]:
    return name.namespace, name.name


Find = Callable[[World, datetime], Iterable[Advice]]


class Pattern(Struct, frozen=True):
    title: str
    find: Find


patterns: Registry[Pattern] = Registry("pattern")


def pattern(kind: str, title: str) -> Callable[[Find], Find]:
    """A decorator that registers a pattern; `title` is what a person calls it."""

    def remember(find: Find) -> Find:
        patterns.add(kind, Pattern(title, find))
        return find

    return remember


def advise(world: World, now: datetime) -> list[Advice]:
    """What all patterns find, each once: by pattern, then by what it is about."""
    found = {one.key: one for _, each in patterns.items() for one in each.find(world, now)}
    return sorted(found.values(), key=place_of)


def place_of(one: Advice) -> tuple[str, str, str, str]:
    """Where it stands among all."""
    subject = one.job or one.dataset or EntityName("", "")
    return one.kind, subject.namespace, subject.name, one.key


# -- what several patterns ask ------------------------------------------------------------------


def gap_of(times: Sequence[datetime]) -> timedelta | None:
    """How far instants in their order usually lie apart; None of fewer than two."""
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    return timedelta(seconds=median(gaps)) if gaps else None


def spoken(seconds: float) -> str:
    """A length as people say it: `42 s`, `7 min`, `3.5 h`, `2 d`."""
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if abs(seconds) >= 1.5 * length or (unit == "min" and abs(seconds) >= length):
            return f"{seconds / length:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def listed(names: Iterable[EntityName], most: int = EXAMPLES) -> str:
    """`a, b and 3 more`."""
    found = sorted({name.name for name in names})
    more = len(found) - most
    return ", ".join(found[:most]) + (f" and {more} more" if more > 0 else "")
