"""Names that mean the same dataset (facet symlinks).

All names that are linked mean one of them: the one that nobody calls a symlink of another, and of
several such (or none) the first by name. So the order in which links are told makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub.model import EntityName
from hub.record.incoming import IncomingEvent
from hub.record.marks import Marks
from hub.record.teams import TEAM
from hub.store.db import Connection
from hub.store.lattice import earliest, greatest
from hub.store.ledger import Ledger
from hub.store.merge import merge_datasets
from hub.store.rows import DatasetRow
from hub.store.workset import Workset

# The columns that each mark stands for.
COLUMNS_OF = {
    "documentation": ("description",),
    "dataSource": ("source_name", "source_uri"),
    "ownership": ("owners",),
    TEAM: ("team",),
    "datasetType": ("kind",),
    "lifecycleStateChange": ("lifecycle",),
    "version": ("version",),
    "schema": ("schema_id",),
}

_CANONICAL = DatasetRow.__struct_fields__.index("canonical_id")


class Links:
    """The links that a batch tells."""

    def __init__(self, work: Workset, connection: Connection, ledger: Ledger) -> None:
        self._work = work
        self._connection = connection
        self._ledger = ledger
        self._led: dict[int, DatasetRow] = {}
        self.moved: list[tuple[int, int]] = []

    def settle(self, events: Iterable[IncomingEvent]) -> None:
        """Makes all that was linked one dataset; what each had belongs to it."""
        for name, alias in sorted(set(_links_of(events))):
            self._link(self._row(name), self._row(alias))
        for row in list(self._led.values()):
            if not self._work.datasets.is_new(row):
                self._settle(row)

    def _row(self, name: EntityName) -> DatasetRow:
        row = self._work.named_dataset(name)
        assert row is not None
        return row

    def _link(self, row: DatasetRow, alias: DatasetRow) -> None:
        news = not alias.symlink
        alias.symlink = True
        ends = {one.id: one for one in (self._canonical(row), self._canonical(alias))}
        if len(ends) > 1 or news:
            self._elect(list(ends.values()))

    def _canonical(self, row: DatasetRow) -> DatasetRow:
        return self._work.datasets.rows[row.canonical_id] if row.canonical_id else row

    def _elect(self, ends: list[DatasetRow]) -> None:
        """Chooses among all names that mean one of `ends`; the others mean the chosen one."""
        shadows = [row for end in ends for row in self._work.load_shadows(end)]
        names = self._work.namespaces.names_of(row.namespace_id for row in (*ends, *shadows))
        chosen = min(
            (*ends, *shadows), key=lambda r: (bool(r.symlink), names[r.namespace_id], r.name)
        )
        for row in (*ends, *shadows):
            row.canonical_id = None if row is chosen else chosen.id
            self._led[row.id] = row

    def _settle(self, row: DatasetRow) -> None:
        """A name counts as a dataset, and has what belongs to one, while it means itself."""
        meant_itself = self._work.datasets.read[row.id][_CANONICAL] is None
        means_itself = row.canonical_id is None
        self._ledger.counters["datasets", row.namespace_id] += means_itself - meant_itself
        if meant_itself and not means_itself:
            self._move(row, self._canonical(row))

    def _move(self, row: DatasetRow, chosen: DatasetRow) -> None:
        marks, theirs = Marks(chosen.facet_marks), Marks(row.facet_marks)
        won, lost = marks.join(theirs)
        for column in (column for name in won for column in COLUMNS_OF.get(name, ())):
            setattr(chosen, column, getattr(row, column))
        chosen.facet_marks = marks.text()
        chosen.last_update_at = greatest(chosen.last_update_at, row.last_update_at)
        chosen.created_at = earliest(chosen.created_at, row.created_at) or 0
        row.facet_marks = None
        self._forget(row)
        twins = merge_datasets(self._connection, row.id, chosen.id, won, lost)
        chosen.schema_id = twins.get(chosen.schema_id or 0, chosen.schema_id)
        self.moved.append((row.id, chosen.id))

    @staticmethod
    def _forget(row: DatasetRow) -> None:
        """A name that means another dataset says nothing of itself."""
        for column in (column for columns in COLUMNS_OF.values() for column in columns):
            setattr(row, column, None)
        row.last_update_at = None


def _links_of(events: Iterable[IncomingEvent]) -> Iterator[tuple[EntityName, EntityName]]:
    for item in events:
        for facts in item.event.datasets:
            yield from ((facts.name, name) for name in facts.symlinks if name != facts.name)
