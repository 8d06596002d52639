"""What conditions ask of the store."""

from __future__ import annotations

from datetime import datetime

from hub.gates import ChecksPassed, GateSpec, NoIncident
from hub.gates import GateAnswer as Unknown
from hub.model import EntityName
from hub.store import updates
from hub.store.db import Connection
from hub.store.gates import gate_answers
from hub.triggers.conditions import GateAnswer, Quality


def gate_of(wanted: Quality) -> GateSpec:
    """A gate that asks for what a condition asks for, and for nothing else."""
    return GateSpec(
        checks=ChecksPassed() if wanted.checks_passed else None,
        incidents=NoIncident() if wanted.no_open_incident else None,
        policy=False,
        fresh_within_s=wanted.fresh_within_s,
    )


def never_updated(found: Unknown) -> bool:
    return any(part.name == "update" and part.passed is None for part in found.parts)


class StoreFacts:
    """As of one snapshot; each thing is looked up once."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._keys: dict[EntityName, int | None] = {}
        self._gates: dict[tuple[EntityName, str, Quality], GateAnswer] = {}
        self._metrics: dict[tuple[EntityName, str], float | None] = {}

    def gate(self, dataset: EntityName, partition: str, wanted: Quality, /) -> GateAnswer:
        """Of one that is not there nothing can be said yet."""
        place = (dataset, partition, wanted)
        if place not in self._gates:
            self._gates[place] = self._ask(dataset, partition, gate_of(wanted))
        return self._gates[place]

    def _ask(self, dataset: EntityName, partition: str, spec: GateSpec) -> GateAnswer:
        key = self._key(dataset)
        if key is None:
            return Unknown(None, ("the dataset is not known",))
        both = [(key, partition, spec), (key, "", spec)]
        of_partition, of_all = gate_answers(self._connection, both, self._now)
        # Partitions of a dataset that has no keys are known by the runs that write them.
        return of_all if partition and never_updated(of_partition) else of_partition

    def lacking(self, _dataset: EntityName, _partition: str, _there: frozenset[str], /) -> None:
        """Nothing: what parts a partition has is the subscription's to say."""

    def last_metric(self, dataset: EntityName, metric: str, /) -> float | None:
        place = (dataset, metric)
        if place not in self._metrics:
            key = self._key(dataset)
            self._metrics[place] = (
                None if key is None else updates.latest_metric(self._connection, key, metric)
            )
        return self._metrics[place]

    def _key(self, dataset: EntityName) -> int | None:
        if dataset not in self._keys:
            found = updates.datasets_named(self._connection, [dataset])
            self._keys[dataset] = found.get(dataset)
        return self._keys[dataset]
