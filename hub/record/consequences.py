"""What follows from attempts that completed: updates, current edges, job versions.

A dataset counts as written when the attempt that names it as output completes, whichever of the
attempt's events named it and in whichever order they came. What is drawn depends only on what is
held of the run, so drawing it again after a late event gives what drawing it once would have.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.model import ChangeKind, DatasetFacts, Direction
from hub.record.incoming import IncomingEvent
from hub.record.states import has_failed_for_good
from hub.record.terms import to_json
from hub.record.versions import Versions
from hub.store.db import Connection
from hub.store.lattice import greatest, join
from hub.store.ledger import ChangeRow, Io, IoKey, Ledger, UpdateRow
from hub.store.merge import last_update_but
from hub.store.rows import AttemptRow, RunRow
from hub.store.workset import Workset

# Lifecycle changes by which a dataset itself says that its content is new.
_WRITTEN = frozenset({"CREATE", "OVERWRITE", "TRUNCATE"})


class Consequences:
    """Of one batch. What an attempt wrote whose failure stands is no update."""

    def __init__(
        self,
        work: Workset,
        ledger: Ledger,
        versions: Versions,
        connection: Connection,
        now: int,
    ) -> None:
        self._work = work
        self._ledger = ledger
        self._versions = versions
        self._connection = connection
        self._now = now
        self._drawn: set[tuple[int, int]] = set()  # (dataset, cause) whose updates are all known
        self._undone: set[tuple[int, int]] = set()  # of these, whose attempt failed for good

    def standalone(self, dataset: int, facts: DatasetFacts, item: IncomingEvent) -> None:
        """A dataset event: nobody's run, but perhaps an update."""
        if facts.lifecycle in _WRITTEN:
            update = UpdateRow(dataset, -item.at, facts.partition or "", None, item.at)
            update.rows, update.bytes, update.files = facts.rows, facts.bytes, facts.files
            update.lifecycle = facts.lifecycle
            self._add(update)

    def finish(self, touched: Iterable[int]) -> None:
        """Draws the consequences of the `touched` runs; all events have been applied."""
        runs = {n for n in touched if self._is_there(n)}
        attempts = [a for a in self._work.load_attempts_of(runs) if a.completed_at is not None]
        io = self._ledger.io_of(self._work.bulk, runs, self._work.old_runs(runs))
        numbers = {key[2] for dealings in io.values() for key in dealings}
        self._work.datasets.load(self._work.bulk, numbers)
        for attempt in attempts:
            dealings = {k: v for k, v in io[attempt.run_id].items() if k[3] == attempt.id}
            if dealings:
                self._complete(self._work.runs.rows[attempt.run_id], attempt, dealings)
        self._settle_updates()

    def _is_there(self, run: int) -> bool:
        row = self._work.runs.rows.get(run)
        return row is not None and row.completed_at is not None

    def _complete(self, run: RunRow, attempt: AttemptRow, io: dict[IoKey, Io]) -> None:
        at = attempt.completed_at or 0
        for (_, direction, dataset, *_), dealing in io.items():
            self._ledger.touch_edge(run.job_id, direction, dataset, dealing.at, max(dealing.at, at))
        self._versions.show(
            run.job_id, at, _named(io, Direction.INPUT), _named(io, Direction.OUTPUT), run.id
        )
        outputs = {key: dealing for key, dealing in io.items() if key[1] == Direction.OUTPUT}
        self._drawn |= {(key[2], attempt.id) for key in outputs}
        if has_failed_for_good(attempt):
            self._undone |= {(key[2], attempt.id) for key in outputs}
            return
        told = {key[2] for key in outputs if key[4]}
        for (*_, dataset, _, partition), dealing in outputs.items():
            if partition or dataset not in told:
                self._add(_update(run, attempt, dataset, partition, dealing))

    def _add(self, update: UpdateRow) -> None:
        held = self._ledger.updates.get(update.key)
        self._ledger.updates[update.key] = update if held is None else join(held, update)
        row = self._work.datasets.rows[update.dataset_id]
        row.last_update_at = greatest(row.last_update_at, update.at)

    def _settle_updates(self) -> None:
        """Tells updates that nobody reported before; takes back what is now known better."""
        causes = {(key[0], key[1]) for key in self._ledger.updates} | self._undone
        held = self._ledger.held_updates(self._work.bulk, causes)
        for key, before in held.items():
            if key not in self._ledger.updates:
                if key[:2] in self._drawn:
                    self._ledger.withdrawn.add(key)
            else:
                self._keep_known(self._ledger.updates[key], before)
        for key in sorted(self._ledger.updates):
            update = self._ledger.updates[key]
            if update.schema_id is None:
                update.schema_id = self._work.datasets.rows[update.dataset_id].schema_id
            if key not in held:
                self._ledger.changes.append(_updated(self._now, update))
        self._date_back({key[0] for key in held if key[:2] in self._undone})

    def _date_back(self, datasets: set[int]) -> None:
        """Of datasets whose update was undone: the failure was heard after the completion."""
        for number in sorted(datasets):
            undone = [cause for dataset, cause in self._undone if dataset == number]
            kept = last_update_but(self._connection, number, undone)
            new = (one.at for one in self._ledger.updates.values() if one.dataset_id == number)
            self._work.datasets.rows[number].last_update_at = max(
                (at for at in (kept, *new) if at is not None), default=None
            )

    def _keep_known(self, update: UpdateRow, before: UpdateRow) -> None:
        """An update without a schema of its own keeps the one it found the dataset with."""
        if update.cause < 0:
            self._ledger.updates[update.key] = join(before, update)
        elif update.schema_id is None:
            update.schema_id = before.schema_id


def _named(io: Iterable[IoKey], direction: Direction) -> frozenset[int]:
    return frozenset(key[2] for key in io if key[1] == direction)


def _update(run: RunRow, attempt: AttemptRow, dataset: int, partition: str, io: Io) -> UpdateRow:
    return UpdateRow(
        dataset_id=dataset,
        cause=attempt.id,
        partition_key=partition or run.partition_key or "",
        run_id=run.id,
        at=attempt.completed_at or 0,
        rows=io.rows,
        bytes=io.bytes,
        files=io.files,
        schema_id=io.schema_id,
    )


def _updated(now: int, update: UpdateRow) -> ChangeRow:
    told: dict[str, str | int] = {"partition": update.partition_key}
    if update.cause < 0:  # no attempt names it: readers find it by this
        told["cause"] = update.cause
    return ChangeRow(
        now,
        ChangeKind.DATASET_UPDATED,
        run_id=update.run_id,
        attempt_id=update.cause if update.cause > 0 else None,
        dataset_id=update.dataset_id,
        detail=to_json(told).decode(),
    )
