"""Plans a backfill: which job runs for which partition, after what, and why. Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import Final

from hub.errors import BadInput, Conflict
from hub.schedules.grids import PartitionStatus
from hub.triggers.backfills.graph import (
    WHOLE,
    Asked,
    Dataset,
    Graph,
    Job,
    Way,
    mapping_between,
)
from hub.triggers.backfills.steps import (
    ASKED,
    FOLLOWS,
    WHY,
    At,
    Looked,
    Plan,
    Step,
    Unit,
    Written,
)
from hub.triggers.partitions import Mapping_, sources_of, targets_of

#: Partitions that a plan looks at.
MOST_PARTS: Final = 50_000
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_LACKING: Final = (PartitionStatus.MISSING, PartitionStatus.FAILED)


def plan(graph: Graph, asked: Asked, now: datetime) -> Plan:
    """Raises BadInput where it would be too much, Conflict where jobs wait for each other in a circle."""
    return _Planning(graph, asked, now).plan()


class _Planning:
    def __init__(self, graph: Graph, asked: Asked, now: datetime) -> None:
        self._graph, self._asked, self._now = graph, asked, now
        self._notes: dict[str, None] = dict.fromkeys(graph.notes)
        self._makers = {key: self._makers_of(one) for key, one in graph.datasets.items()}
        self._parts: dict[int, dict[str, None]] = {}

    def plan(self) -> Plan:
        self._look()
        units = self._units()
        before = self._before(units)
        ordered = self._ordered(units, before)
        chosen = self._chosen(ordered, units, before)
        if len(chosen) > self._asked.most:
            raise BadInput(
                "maxSteps",
                self._asked.most,
                f"at least {len(chosen)}, for this backfill has so many steps; or fewer partitions, "
                "or fewer levels",
            )
        steps = list(self._steps([one for one in ordered if one in chosen], units, before, chosen))
        return Plan(steps, list(self._looked(steps)), list(self._notes))

    # -- which partitions --------------------------------------------------------------------------

    def _look(self) -> None:
        """All partitions that those of the root are made of, or that are made of them."""
        todo = [At(self._asked.root, key) for key in self._asked.keys]
        seen = dict.fromkeys(todo)
        while todo:
            fresh = [one for one in self._next(todo.pop()) if one not in seen]
            seen |= dict.fromkeys(fresh)
            todo += fresh
            if len(seen) > MOST_PARTS:
                raise BadInput(
                    "partitions",
                    f"more than {MOST_PARTS} with those up- or downstream",
                    "fewer partitions, or fewer levels",
                )
        for one in seen:
            self._parts.setdefault(one.dataset, {})[one.key] = None

    def _next(self, one: At) -> Iterator[At]:
        if self._asked.way is Way.UPSTREAM:
            maker = self._maker(one)
            for source in () if maker is None else maker.reads:
                yield from self._sources(source, one)
            return
        for reader in self._graph.readers(one.dataset):
            for target in reader.writes:
                yield from self._targets(one, target)

    def _sources(self, source: int, one: At) -> Iterator[At]:
        its, own = self._graph.datasets.get(source), self._graph.datasets[one.dataset]
        if its is None or source == one.dataset:
            return
        if its.whole:
            if not own.whole:
                self._note(f"{_named(its)} has no partitions that are known: it is not looked at")
            else:
                yield At(source, WHOLE)
            return
        for key in sources_of(self._mapping(source, one.dataset), one.key) or ():
            yield At(source, key)

    def _targets(self, one: At, target: int) -> Iterator[At]:
        if target == one.dataset or target not in self._graph.datasets:
            return
        for key in targets_of(self._mapping(one.dataset, target), one.key, self._now):
            yield At(target, key)

    def _mapping(self, source: int, to: int) -> Mapping_:
        given = self._asked.mappings.get((source, to))
        datasets = self._graph.datasets
        return mapping_between(datasets[source], datasets[to]) if given is None else given

    # -- which jobs --------------------------------------------------------------------------------

    def _makers_of(self, dataset: Dataset) -> list[Job]:
        """Those that can be launched first."""
        found = sorted(
            self._graph.makers(dataset.id), key=lambda job: (job.barred is not None, job.name)
        )
        if len(found) > 1:
            others = ", ".join(job.name.name for job in found)
            self._note(
                f"{_named(dataset)} is written by several jobs ({others}): by whichever did last"
            )
        return found

    def _maker(self, one: At) -> Job | None:
        """The job that wrote it last, if it can be launched; else one that can."""
        makers = self._makers[one.dataset]
        last = self._graph.datasets[one.dataset].part(one.key).maker
        mine = [job for job in makers if job.id == last and job.barred is None]
        return next(iter(mine or makers), None)

    def _units(self) -> dict[Unit, list[At]]:
        """What each job would write, partition by partition."""
        found: dict[Unit, list[At]] = {}
        for dataset, keys in self._parts.items():
            for key in keys:
                one = At(dataset, key)
                maker = self._maker(one)
                if maker is not None:
                    found.setdefault(Unit(maker.id, key), []).append(one)
        return found

    def _before(self, units: dict[Unit, list[At]]) -> dict[Unit, dict[At, Unit | None]]:
        """What each is made of, and which unit makes that."""
        unit_of = {one: unit for unit, ones in units.items() for one in ones}
        return {
            unit: {
                source: unit_of.get(source)
                for one in ones
                for source in self._inputs(unit, one)
                if unit_of.get(source) != unit
            }
            for unit, ones in units.items()
        }

    def _inputs(self, unit: Unit, one: At) -> Iterator[At]:
        """The partitions that one is made of, of those that are looked at."""
        for source in self._graph.jobs[unit.job].reads:
            there = self._parts.get(source)
            if there is None or source == one.dataset:
                continue
            for key in self._keys_for(source, one, there):
                yield At(source, key)

    def _keys_for(self, source: int, one: At, there: dict[str, None]) -> list[str]:
        if self._graph.datasets[source].whole:
            return [WHOLE]
        mapping = self._mapping(source, one.dataset)
        told = sources_of(mapping, one.key)
        if told is None:  # nobody knows them all: those of this backfill
            return [key for key in there if one.key in targets_of(mapping, key, self._now)]
        return [key for key in told if key in there]

    # -- in which order ----------------------------------------------------------------------------

    def _ordered(
        self, units: dict[Unit, list[At]], before: dict[Unit, dict[At, Unit | None]]
    ) -> list[Unit]:
        """Each behind those it waits for; else the earliest partition first."""
        graph = {unit: {one for one in ones.values() if one} for unit, ones in before.items()}
        sorter = TopologicalSorter(graph)
        try:
            sorter.prepare()
        except CycleError as error:
            ring = " -> ".join(self._graph.jobs[one.job].name.name for one in error.args[1])
            raise Conflict(
                f"these jobs wait for each other, so there is no order for them: {ring}; "
                "say fewer levels"
            ) from None
        ready: list[tuple[datetime, str, int, Unit]] = []
        found: list[Unit] = []
        while sorter.is_active():
            for unit in sorter.get_ready():
                heapq.heappush(ready, (*self._place(units[unit][0]), unit.job, unit))
            *_, unit = heapq.heappop(ready)
            found.append(unit)
            sorter.done(unit)
        return found

    def _place(self, one: At) -> tuple[datetime, str]:
        return self._begin(one) or _LAST, one.key

    def _begin(self, one: At) -> datetime | None:
        dataset = self._graph.datasets[one.dataset]
        return None if dataset.whole else dataset.layout.place(one.key).begin

    # -- which of them run, and why ----------------------------------------------------------------

    def _chosen(
        self,
        ordered: Sequence[Unit],
        units: dict[Unit, list[At]],
        before: dict[Unit, dict[At, Unit | None]],
    ) -> dict[Unit, str]:
        """Why each of them runs that does."""
        found: dict[Unit, str] = {}
        for unit in ordered:
            why = self._why(units[unit])
            if why is None and any(one in found for one in before[unit].values()):
                why = FOLLOWS
            if why is not None:
                found[unit] = why
        return found

    def _why(self, ones: Iterable[At]) -> str | None:
        ones = list(ones)
        stands = {self._status(one) for one in ones}
        reason = next((str(status) for status in WHY if status in stands), None)
        rerun = self._asked.rerun and any(one.dataset == self._asked.root for one in ones)
        return reason or (ASKED if rerun else None)

    def _status(self, one: At) -> PartitionStatus:
        return self._graph.datasets[one.dataset].part(one.key).status

    def _steps(
        self,
        ordered: Sequence[Unit],
        units: dict[Unit, list[At]],
        before: dict[Unit, dict[At, Unit | None]],
        chosen: dict[Unit, str],
    ) -> Iterator[Step]:
        numbers = {unit: no for no, unit in enumerate(ordered, 1)}
        barred: dict[Unit, str] = {}
        for unit, no in numbers.items():
            after = sorted({numbers[one] for one in before[unit].values() if one in numbers})
            why_not = self._barred(unit, before[unit], barred, numbers)
            if why_not is not None:
                barred[unit] = why_not
            yield self._step(no, unit, units[unit], chosen[unit], after, why_not)

    def _barred(
        self,
        unit: Unit,
        before: dict[At, Unit | None],
        barred: dict[Unit, str],
        numbers: dict[Unit, int],
    ) -> str | None:
        why_not = self._graph.jobs[unit.job].barred
        for source, its in before.items():
            if why_not is None and its in barred:
                why_not = f"it needs step {numbers[its]}, which can't be launched"
            elif why_not is None and its is None and self._status(source) in _LACKING:
                dataset = self._graph.datasets[source.dataset]
                status = self._status(source)
                why_not = (
                    f"{_named(dataset)} {source.key} is {status}, and no job is known to write it"
                )
        return why_not

    def _step(
        self,
        no: int,
        unit: Unit,
        ones: Sequence[At],
        why: str,
        after: list[int],
        why_not: str | None,
    ) -> Step:
        job, datasets = self._graph.jobs[unit.job], self._graph.datasets
        parts = [datasets[one.dataset].part(one.key) for one in ones]
        return Step(
            no=no,
            job=job,
            partition=parts[0].key if unit.key != WHOLE else None,
            level=min(datasets[one.dataset].level for one in ones),
            writes=[
                Written(datasets[one.dataset].name, one.key, part.status)
                for one, part in zip(ones, parts, strict=True)
            ],
            datasets=[one.dataset for one in ones],
            why=why,
            after=after,
            barred=why_not,
            run=next((part.run for part in parts if part.run is not None), None),
            begin=self._begin(ones[0]),
        )

    # -- what is told of it ------------------------------------------------------------------------

    def _looked(self, steps: Sequence[Step]) -> Iterator[Looked]:
        made = Counter(key for step in steps for key in step.datasets)
        for key, keys in self._parts.items():
            dataset = self._graph.datasets[key]
            counted = Counter(dataset.part(one).status for one in keys)
            yield Looked(dataset, {one: counted[one] for one in PartitionStatus}, made[key])
            if not self._makers[key]:
                lacking = sum(counted[one] for one in _LACKING)
                if lacking:
                    self._note(
                        f"no job is known to write {_named(dataset)}, of which {lacking} partitions"
                        " are missing"
                    )

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _named(dataset: Dataset) -> str:
    return f"{dataset.name.namespace}/{dataset.name.name}"
