"""The current version of each job: its location and what its latest completed run dealt with.

Where runs end, or job events come, at the same instant, what they dealt with is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from hub.model import ChangeKind
from hub.store.ledger import ChangeRow, Ledger
from hub.store.rows import JobRow
from hub.store.versions import Version, held_versions, version_ids
from hub.store.workset import Workset


class Versions:
    """The versions that a batch shows."""

    def __init__(self, work: Workset, ledger: Ledger, now: int) -> None:
        self._work = work
        self._ledger = ledger
        self._now = now
        self._shown: dict[int, Version] = {}

    def show(
        self, job: int, at: int, inputs: frozenset[int], outputs: frozenset[int], run: int
    ) -> None:
        """The job dealt with these datasets, at last at `at`."""
        new = Version(job, at, None, inputs, outputs, run)
        held = self._shown.get(job)
        self._shown[job] = new if held is None else _later(held, new)

    def finish(self, relocated: Iterable[int], merged: Mapping[int, int]) -> None:
        """Lets each job point at its version. `merged`: datasets that became others."""
        rows = self._work.jobs.rows
        concerned = {n: rows[n] for n in (self._shown.keys() | set(relocated)) if n in rows}
        held = held_versions(
            self._work.bulk, (j.version_id for j in concerned.values() if j.version_id)
        )
        wanted = {}
        for number, job in concerned.items():
            version = self._current(job, held.get(number), merged)
            if version is not None:
                wanted[number] = replace(version, location=job.location)
                job.io_at = version.at
        others = [v for n, v in wanted.items() if not (n in held and _same(held[n], v))]
        found, fresh = version_ids(self._work.bulk, self._work.ids, others)
        for number, version_id in found.items():
            before = rows[number].version_id
            if number in fresh and before:  # the first one changes nothing
                self._tell(number, version_id, before)
            rows[number].version_id = version_id

    def _tell(self, job: int, version: int, before: int) -> None:
        """Ids of the store, for those who look for what has changed."""
        kind, detail = ChangeKind.JOB_VERSION_CHANGED, f'{{"version":{version},"before":{before}}}'
        self._ledger.changes.append(ChangeRow(self._now, kind, job_id=job, detail=detail))

    def _current(
        self, job: JobRow, held: Version | None, merged: Mapping[int, int]
    ) -> Version | None:
        shown = self._shown.get(job.id)
        if held is None or job.io_at is None:
            return shown
        before = replace(
            held,
            at=job.io_at,
            inputs=frozenset(merged.get(n, n) for n in held.inputs),
            outputs=frozenset(merged.get(n, n) for n in held.outputs),
        )
        return before if shown is None else _later(before, shown)


def _same(a: Version, b: Version) -> bool:
    return (a.location, a.inputs, a.outputs) == (b.location, b.inputs, b.outputs)


def _later(a: Version, b: Version) -> Version:
    if a.at != b.at:
        return a if a.at > b.at else b
    return replace(a, inputs=a.inputs | b.inputs, outputs=a.outputs | b.outputs)
