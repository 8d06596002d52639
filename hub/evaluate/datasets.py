"""What rules see of datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from hub.baselines.baseline import Baseline
from hub.baselines.growth import Growing
from hub.evaluate.blindness import blind_times
from hub.evaluate.round import OpenKeys, Round
from hub.rules.base import CheckName, DatasetSeen, Fact, UpdateSeen
from hub.store import dataset_baselines, dataset_facts
from hub.store.dataset_baselines import BYTES, INTERVAL, ROWS, Learned
from hub.store.dataset_facts import Checks, Partitions
from hub.store.dataset_rows import DatasetRow
from hub.store.db import Connection

#: Baselines that are learned in one round; the others wait for the next, for it must stay short.
FITS: Final = 50


class Datasets:
    """Datasets of one round, with what the rules need that will look at them."""

    def __init__(
        self,
        connection: Connection,
        this: Round,
        rows: Sequence[DatasetRow],
        open_keys: OpenKeys,
        needs: frozenset[Fact],
    ) -> None:
        self._connection, self._needs, self._open = connection, needs, open_keys
        self._keys = [row.id for row in rows]
        self._updates = self._updates_seen()
        self._schemas = (
            dataset_facts.schemas_seen(connection, self._updates.values())
            if Fact.SCHEMAS in needs
            else {}
        )
        self._partitions = self._partitions_seen()
        self._checks = (
            dataset_facts.checks_seen(connection, self._checks_wanted(this))
            if Fact.CHECKS in needs
            else {}
        )
        self._learned = self._baselines(this)
        self._blind = blind_times(connection, this, rows) if Fact.BLIND in needs else {}

    def see(self, row: DatasetRow, rule: str) -> DatasetSeen:
        interval = self._learned.get((row.id, INTERVAL))
        return DatasetSeen(
            row.name,
            row.last_update_at,
            row.known_at,
            row.max_lag_s,
            frozenset(self._open.get((rule, row.id), ())),
            row.cron,
            row.timezone or "UTC",
            self._updates.get(row.id, ()),
            self._partitions.get(row.id, {}),
            self._checks.get(row.id, ()),
            self._schemas,
            self._volumes(row.id),
            interval if isinstance(interval, Baseline) else None,
            row.paused,
            self._blind.get(row.orchestrator_id, ()),
        )

    def _updates_seen(self) -> dict[int, list[UpdateSeen]]:
        if self._needs.isdisjoint({Fact.UPDATES, Fact.SCHEMAS}):
            return {}
        return dataset_facts.updates_seen(self._connection, self._keys)

    def _partitions_seen(self) -> dict[int, Partitions]:
        if Fact.PARTITIONS not in self._needs:
            return {}
        named: dict[int, set[str]] = defaultdict(set)
        for key, one in self._open_keys():
            named[key].add(one)
        return dataset_facts.partitions_seen(self._connection, self._keys, named)

    def _checks_wanted(self, this: Round) -> Checks:
        """Those with news, and those of open incidents."""
        wanted = dataset_facts.checks_told(self._connection, this.changes)
        mine = {key: wanted[key] for key in self._keys if key in wanted}
        for key, one in self._open_keys():
            if name := CheckName.of_key(one):
                mine.setdefault(key, set()).add(name)
        return mine

    def _open_keys(self) -> Iterator[tuple[int, str]]:
        return ((key, one) for (_, key), keys in self._open.items() for one in keys)

    def _baselines(self, this: Round) -> Learned:
        """One that is old is learned anew, and kept with the round."""
        metrics = [ROWS, BYTES] if Fact.VOLUMES in self._needs else []
        metrics += [INTERVAL] if Fact.INTERVALS in self._needs else []
        if not metrics:
            return {}
        held = dataset_baselines.kept(self._connection, self._keys, metrics, this.now)
        this.learned = dataset_baselines.learn(self._connection, held.wanted[:FITS])
        return held.values | this.learned

    def _volumes(self, key: int) -> dict[str, Growing]:
        found = {metric: self._learned.get((key, metric)) for metric in (ROWS, BYTES)}
        return {metric: one for metric, one in found.items() if isinstance(one, Growing)}
