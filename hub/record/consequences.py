"""What follows from runs that completed: updates, current edges, job versions.

A dataset counts as written when the run that names it as output completes, whichever of the run's
events named it and in whichever order they came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from hub.model import ChangeKind, DatasetFacts, Direction, RunState
from hub.record.incoming import IncomingEvent
from hub.store.descriptions import Descriptions, Version
from hub.store.ledger import IO_OF_RUN, ChangeRow, Io, IoKey, Ledger, UpdateRow
from hub.store.rows import AttemptRow, DatasetRow, JobRow
from hub.store.workset import Workset

# Lifecycle changes by which a dataset itself says that its content is new.
_WRITTEN = frozenset({"CREATE", "OVERWRITE", "TRUNCATE"})


class Completions:
    """The completed attempts of one batch."""

    def __init__(self, work: Workset, ledger: Ledger) -> None:
        self._work = work
        self._ledger = ledger
        self._done: dict[int, AttemptRow] = {}

    def note(self, attempt: AttemptRow) -> None:
        """An event of the attempt was applied."""
        if attempt.state == RunState.COMPLETED:
            self._done[attempt.id] = attempt

    def standalone(self, row: DatasetRow, facts: DatasetFacts, item: IncomingEvent) -> None:
        """A dataset event: nobody's run, but perhaps an update."""
        if facts.lifecycle in _WRITTEN:
            cause = -item.at
            update = UpdateRow(row.id, facts.partition or "", cause, None, item.at)
            update.rows, update.bytes, update.files = facts.rows, facts.bytes, facts.files
            update.lifecycle = facts.lifecycle
            self._add(update, row)

    def finish(self, descriptions: Descriptions, now: int) -> None:
        """Draws the consequences; all events of the batch have been applied."""
        dealings = self._dealings()
        self._work.datasets.load(self._work.bulk, (k[2] for v in dealings.values() for k in v))
        versions: dict[tuple[int, bytes], Version] = {}
        leading: dict[int, tuple[int, bytes]] = {}
        for attempt in self._done.values():
            io = dealings.get(attempt.run_id)
            if io:
                self._complete(attempt, io, versions, leading)
        ids = descriptions.version_ids(self._work.bulk, self._work.ids, versions)
        for job, key in leading.items():
            self._work.jobs.rows[job].version_id = ids[key]
        for update in self._ledger.fresh_updates(self._work.bulk):
            self._ledger.changes.append(_updated(now, update))

    def _dealings(self) -> dict[int, dict[IoKey, Io]]:
        """Every dataset of the completed runs, from this batch and from before it."""
        runs = {a.run_id for a in self._done.values()}
        found: dict[int, dict[IoKey, Io]] = {run: {} for run in runs}
        held = self._work.bulk.fetch(IO_OF_RUN, [(run,) for run in sorted(runs)])
        for run, direction, dataset, *stats in held:
            found[run][(run, direction, dataset)] = Io(*stats)
        for key, io in self._ledger.io.items():
            if key[0] in runs:
                before = found[key[0]].get(key)
                found[key[0]][key] = io if before is None else _joined(before, io)
        return found

    def _complete(
        self,
        attempt: AttemptRow,
        io: dict[IoKey, Io],
        versions: dict[tuple[int, bytes], Version],
        leading: dict[int, tuple[int, bytes]],
    ) -> None:
        at = attempt.ended_at or attempt.first_at
        job = self._work.jobs.rows[attempt.job_id]
        for (_, direction, number), dealing in io.items():
            self._ledger.touch_edge(job.id, direction, number, dealing.at, max(dealing.at, at))
            if direction == Direction.OUTPUT:
                row = self._work.datasets.rows[number]
                self._add(_update(attempt, row.id, dealing, at), row)
        version = _version(job, io, at, attempt.run_id)
        versions.setdefault((job.id, version.uuid), version)
        if at >= (job.io_at or 0):
            job.io_at = at
            leading[job.id] = (job.id, version.uuid)

    def _add(self, update: UpdateRow, row: DatasetRow) -> None:
        self._ledger.updates[(update.dataset_id, update.partition, update.cause)] = update
        row.last_update_at = max(row.last_update_at or 0, update.at)


def _joined(a: Io, b: Io) -> Io:
    def greater(name: str) -> object:
        values = [v for v in (getattr(a, name), getattr(b, name)) if v is not None]
        return max(values, default=None)

    return Io(*(greater(name) for name in Io.__struct_fields__))  # type: ignore[arg-type]


def _update(attempt: AttemptRow, dataset: int, io: Io, at: int) -> UpdateRow:
    return UpdateRow(
        dataset_id=dataset,
        partition=io.partition or "",
        cause=attempt.id,
        run_id=attempt.run_id,
        at=at,
        rows=io.rows,
        bytes=io.bytes,
        files=io.files,
        schema_id=io.schema_id,
    )


def _version(job: JobRow, io: Iterable[IoKey], at: int, run: int) -> Version:
    inputs = json.dumps(sorted(k[2] for k in io if k[1] == Direction.INPUT))
    outputs = json.dumps(sorted(k[2] for k in io if k[1] == Direction.OUTPUT))
    said = "\n".join((job.location or "", inputs, outputs)).encode()
    uuid = hashlib.blake2b(said, digest_size=16, key=str(job.id).encode()).digest()
    return Version(job.id, uuid, at, job.location, inputs, outputs, run)


def _updated(now: int, update: UpdateRow) -> ChangeRow:
    return ChangeRow(
        now,
        ChangeKind.DATASET_UPDATED,
        run_id=update.run_id,
        attempt_id=update.cause if update.cause > 0 else None,
        dataset_id=update.dataset_id,
        detail=json.dumps({"partition": update.partition}),
    )
