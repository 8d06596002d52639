"""Counts what happens, each change once, whichever replica reads it.

A round reads on from where the last one ended, keeps its place, and only then counts: what a crash
in between loses is a round, and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from hub.baselines.baseline import Baseline
from hub.metrics import Metrics
from hub.model import ChangeKind, Transition
from hub.schedules.matching import EARLY, LATE, Start, match
from hub.schedules.origins import is_by_hand, origin_of
from hub.schedules.slots import timetable_of
from hub.schedules.spans import Span, expected
from hub.store import happened
from hub.store.cursors import Change
from hub.store.db import Database
from hub.store.happened import Happened, Moved, Ran
from hub.store.leases import Fence
from hub.store.writer import Writer

MOST: Final = 2000
BEGAN: Final = frozenset({ChangeKind.RUN_STARTED})
ENDED: Final = {
    ChangeKind.RUN_COMPLETED: "COMPLETED",
    ChangeKind.RUN_FAILED: "FAILED",
    ChangeKind.RUN_ABORTED: "ABORTED",
}
CHECKED: Final = {ChangeKind.CHECK_PASSED: "passed", ChangeKind.CHECK_FAILED: "failed"}
#: Kinds of rule whose incidents are promises broken; runs that fail are counted as they end.
BREACHES: Final = frozenset({"missed_schedule", "late_finish", "freshness", "missing_partition"})
OPENINGS: Final = frozenset({Transition.OPENED, Transition.REOPENED})


class Count:
    """Counts into the metrics what the store tells."""

    def __init__(self, db: Database, writer: Writer[Any, Any], metrics: Metrics) -> None:
        self._db = db
        self._writer = writer
        self._metrics = metrics
        self._begun = False

    def round(self, fence: Fence) -> bool:
        """True if more is left."""
        if not self._begun:
            self._writer.call(lambda connection: _begin(connection, fence), apart=True)
            self._begun = True
        with self._db.reading() as connection:
            found = happened.happened(connection, MOST, BEGAN, ENDED)
        if found.empty:
            return False
        self._writer.call(lambda connection: _save(connection, found, fence), apart=True)
        tally(self._metrics, found)
        return MOST in (len(found.changes), len(found.moves))


def _begin(connection: Any, fence: Fence) -> None:
    fence(connection)
    happened.begin(connection)


def _save(connection: Any, found: Happened, fence: Fence) -> None:
    fence(connection)
    happened.save(connection, found)


def tally(metrics: Metrics, found: Happened) -> None:
    """Counts it all."""
    for change in found.changes:
        run = None if change.run_id is None else found.runs.get(change.run_id)
        if run is not None and change.kind in ENDED:
            _ended(metrics, run, ENDED[ChangeKind(change.kind)], found.baselines.get(run.job))
        elif run is not None and change.kind in BEGAN:
            _began(metrics, run, change.run_id or 0, found.spans.get(run.job, ()))
        elif change.dataset_id is not None:
            _data(metrics, change, found.teams.get(change.dataset_id))
    for move in found.moves:
        _moved(metrics, move)


def _ended(metrics: Metrics, run: Ran, state: str, baseline: Baseline | None) -> None:
    world = metrics.world
    world.count(world.runs_ended, run.orchestrator, run.team, run.kind, state)
    if not run.whole:
        return
    if state != "ABORTED":
        result = "kept" if state == "COMPLETED" else "broken"
        world.count(world.promises, run.team, result)
    if state != "COMPLETED" or run.started_at is None or run.ended_at is None:
        return
    took_s = (run.ended_at - run.started_at).total_seconds()
    world.observe(world.run_seconds, took_s, run.orchestrator, run.team)
    if baseline is not None:
        at = run.nominal_at or run.started_at
        ratio = took_s / max(baseline.expected(at), 1e-3)
        world.observe(world.run_ratio, ratio, run.orchestrator, run.team)


def _began(metrics: Metrics, run: Ran, key: int, spans: Sequence[Span]) -> None:
    late_s = lateness(run, key, spans)
    if late_s is not None:
        world = metrics.world
        world.observe(world.start_lateness_seconds, late_s, run.orchestrator, run.team)


def lateness(run: Ran, key: int, spans: Sequence[Span]) -> float | None:
    """How many seconds after its slot was due it started; None: it answers no slot."""
    timetable = timetable_of(spans[-1].schedule) if spans else None
    if timetable is None or is_by_hand(run.natural_id, run.backfill):
        return None
    at = run.started_at or run.sort_at
    named = spans[-1].habit is None
    start = Start(
        key, at, run.nominal_at if named else None, origin_of(run.natural_id, run.backfill)
    )
    slots = expected(spans, at - LATE * timetable.gap(at), at + EARLY)
    taken = next(iter(match(slots, [start]).taken), None)
    return None if taken is None else max(0.0, (at - taken.due_at).total_seconds())


def _data(metrics: Metrics, change: Change, team: str | None) -> None:
    world = metrics.world
    if team is None:
        return
    if change.kind == ChangeKind.DATASET_UPDATED:
        world.count(world.updates, team)
    elif change.kind == ChangeKind.SCHEMA_CHANGED:
        world.count(world.schema_changes, team)
    elif change.kind in CHECKED:
        world.count(world.checks, team, CHECKED[ChangeKind(change.kind)])


def _moved(metrics: Metrics, move: Moved) -> None:
    world = metrics.world
    world.count(world.incident_steps, move.transition, move.kind, move.severity, move.team)
    if move.transition not in OPENINGS:
        return
    if move.kind == "missed_schedule":
        world.count(world.slots_missed, move.orchestrator, move.team)
    if move.kind in BREACHES:
        world.count(world.promises, move.team, "broken")


class Zero(Struct, frozen=True):
    """A series that is there from the start, so that its first step is seen as one."""

    name: str
    labels: tuple[str, ...]


def zeros(sorts: Sequence[tuple[str, str, str, bool]], teams: Sequence[str]) -> Iterator[Zero]:
    """Of what is known of orchestrators, teams and kinds of jobs, and whether those are whole."""
    for orchestrator, team, kind, whole in sorts:
        for state in ENDED.values():
            yield Zero("runs_ended", (orchestrator, team, kind, state))
        if whole:
            yield Zero("slots_missed", (orchestrator, team))
    for team in {*teams, *(team for _, team, _, _ in sorts)}:
        yield Zero("promises", (team, "kept"))
        yield Zero("promises", (team, "broken"))
        yield Zero("updates", (team,))
        for result in CHECKED.values():
            yield Zero("checks", (team, result))
