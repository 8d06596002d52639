"""Which run an attempt belongs to, whichever of its events tells it and whenever it comes.

An attempt whose events never tell a natural id is a run of its own, known by the attempt's id.
The first natural id that is told of an attempt stays: it has only one.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from hub.record.cast import Cast
from hub.record.incoming import IncomingEvent
from hub.record.names import refs_of
from hub.record.states import join_runs
from hub.store.db import Connection
from hub.store.merge import merge_runs
from hub.store.rows import AttemptRow, RunRow
from hub.store.workset import RunKey, Workset, run_key

Named = tuple[int, bytes]  # job, run id


class Identity(Struct, frozen=True, order=True):
    """What a batch tells of one attempt. The greatest of several holds."""

    known: bool  # whether a natural id was told
    natural_id: str
    map_index: int
    own: bool  # whether the run's own job told it, which knows its orchestrator
    orchestrator: int


class Identities:
    """The identities that a batch tells."""

    def __init__(self, work: Workset, connection: Connection, cast: Cast) -> None:
        self._work = work
        self._connection = connection
        self._cast = cast
        self._told: dict[Named, Identity] = {}
        self.moved: list[tuple[RunRow, AttemptRow]] = []
        self.renamed: set[int] = set()  # jobs, of whose runs one got another name

    def settle(self, events: Iterable[IncomingEvent]) -> None:
        """Loads the attempts and runs that the events name, and brings them together."""
        for item in events:
            self._hear(item)
        self._load()
        for (job, uuid), identity in sorted(self._told.items()):
            attempt = self._work.attempt(uuid, job)
            if attempt is not None:
                self._identify(attempt, identity)

    def key(self, job: int, run_id: bytes) -> RunKey:
        """The key of the run that the attempt belongs to, as far as the batch tells."""
        told = self._told[job, run_id]
        return (job, told.natural_id, told.map_index, told.orchestrator)

    def _hear(self, item: IncomingEvent) -> None:
        job, run = item.event.job, item.event.run
        if job is None or run is None:
            return
        natural, index = run.natural_id, run.map_index
        orchestrator = self._cast.orchestrator(item)
        identity = _identity(run.run_id, natural, index, orchestrator, own=True)
        self._tell((self._cast.named(job.name).id, run.run_id), identity)
        for ref in refs_of(item.event):
            other = self._cast.named(ref.job)
            orchestrator = other.orchestrator_id or 0
            identity = _identity(ref.run_id, ref.natural_id, -1, orchestrator, own=False)
            self._tell((other.id, ref.run_id), identity)

    def _tell(self, named: Named, identity: Identity) -> None:
        held = self._told.get(named)
        if held is None:
            self._told[named] = identity
        elif held != identity:
            self._told[named] = _joined(held, identity)

    def _load(self) -> None:
        self._work.load_attempts((uuid, job) for job, uuid in self._told)
        keys = set()
        for (job, uuid), told in self._told.items():
            attempt = self._work.attempt(uuid, job)
            if attempt is None:
                keys.add(self.key(job, uuid))
            else:
                keys.add(_wanted(self._work.runs.rows[attempt.run_id], attempt, told))
        self._work.load_runs(keys)

    def _identify(self, attempt: AttemptRow, told: Identity) -> None:
        run = self._work.runs.rows[attempt.run_id]
        key = _wanted(run, attempt, told)
        if key == run_key(run):
            return
        target = self._work.run(key)
        if target is None:
            self._work.rename_run(run, key)
            self.renamed.add(run.job_id)
            return
        attempts = self._work.load_attempts_of([run.id])
        merge_runs(self._connection, run.id, target.id)
        self._work.replace_run(run, target)
        join_runs(target, run)
        self.moved += [(target, attempt) for attempt in attempts]


def _identity(
    run_id: bytes, natural_id: str | None, map_index: int, orchestrator: int, *, own: bool
) -> Identity:
    known = bool(natural_id)
    return Identity(known, natural_id or run_id.hex(), map_index, own, orchestrator)


def _joined(a: Identity, b: Identity) -> Identity:
    natural, speaker = max(a, b), max(a, b, key=lambda one: (one.own, one.orchestrator))
    index = max(a.map_index, b.map_index)
    return Identity(natural.known, natural.natural_id, index, speaker.own, speaker.orchestrator)


def _wanted(run: RunRow, attempt: AttemptRow, told: Identity) -> RunKey:
    """The key of the run, now that more is told of its attempt."""
    natural, index = run.natural_id, run.map_index
    if natural == attempt.uuid.hex():
        natural, index = told.natural_id, max(told.map_index, index)
    orchestrator = told.orchestrator if told.own else run.orchestrator_id
    return (run.job_id, natural, index, orchestrator)
