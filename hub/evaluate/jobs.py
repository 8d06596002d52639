"""What rules see of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from hub.baselines.baseline import Baseline
from hub.baselines.fit import fit
from hub.evaluate.blindness import blind_times
from hub.evaluate.round import OpenKeys, Round
from hub.model import RunState
from hub.rules.base import Fact, History, JobSeen, RollCall, RunSeen, Subject
from hub.store import expectations, facts, histories, signs, spans
from hub.store.db import Connection
from hub.store.facts import JobRow

_ID_DIGITS: Final = 19
#: So long after it wanted to look a rule sees more of a job's runs.
BEHIND: Final = timedelta(minutes=15)
#: Signs of life are read of what runs for longer, and of the latest runs that have ended.
BRIEF: Final = timedelta(minutes=1)
ENDED: Final = 3
#: Baselines that are learned anew in one round; others still hold for a while.
REFITS: Final = 100
#: Long histories that are read in one round.
HISTORIES: Final = 50


class Jobs:
    """Jobs of one round, with what the rules need that will look at them."""

    def __init__(
        self,
        connection: Connection,
        this: Round,
        rows: Sequence[JobRow],
        open_keys: OpenKeys,
        needs: frozenset[Fact],
    ) -> None:
        keys = [row.id for row in rows]
        self._horizons = this.horizons
        self._open = open_keys
        self._waits = expectations.waits(connection, Subject.JOB, keys)
        self._late = self._late_ones(this, rows)
        self._runs = self._runs_of(connection, keys) if Fact.RUNS in needs else {}
        self._spans = (
            spans.spans_of(connection, keys) | this.edited if Fact.SCHEDULE in needs else {}
        )
        absent = not needs.isdisjoint({Fact.SCHEDULE, Fact.SIGNS})
        self._blind = blind_times(connection, this, rows) if absent else {}
        self._calls = self._roll_calls(connection, this, rows) if Fact.ROLL_CALL in needs else {}
        self._learned = _baselines(connection, this, keys) if Fact.BASELINE in needs else {}
        if Fact.SIGNS in needs:
            asked = {row.id for row in rows if this.horizons.watched(row.orchestrator_id)}
            told = (keys for (rule, _), keys in open_keys.items() if rule in this.listeners)
            _add_signs(connection, this.now, self._runs, asked, _runs_named(told))
        self._connection, self._unread = connection, HISTORIES

    def see(self, row: JobRow, rule: str) -> JobSeen:
        runs, wait = self._runs.get(row.id, ()), self._waits.get((rule, row.id))
        told = self._open.get((rule, row.id), {})
        watched = self._horizons.watched(row.orchestrator_id)
        return JobSeen(
            row.name,
            runs,
            self._learned.get(row.id),
            frozenset(told),
            self._spans.get(row.id, ()),
            watched,
            None if wait is None else wait.due_at,
            _seen_from(runs, late=row.id in self._late),
            None if wait is None else wait.slot_at,
            None if wait is None else wait.met_at,
            wait is not None and wait.held,
            self._blind.get(row.orchestrator_id, ()),
            self._calls.get(row.orchestrator_id),
            row.endless,
            partial(self._history, row.id),
            told,
        )

    def _late_ones(self, this: Round, rows: Sequence[JobRow]) -> set[int]:
        """Those that a rule wanted to look at long ago."""
        known = {row.id: this.known(Subject.JOB, row) for row in rows}
        return {
            key
            for (_, key), wait in self._waits.items()
            if key in known and known[key] - wait.due_at > BEHIND
        }

    def _roll_calls(
        self, connection: Connection, this: Round, rows: Sequence[JobRow]
    ) -> dict[int, RollCall]:
        """Of orchestrators that only push, if something of their jobs is due."""
        due = {key for (_, key), wait in self._waits.items() if wait.due_at <= this.now}
        unasked = {
            row.orchestrator_id
            for row in rows
            if row.id in due and not this.horizons.watched(row.orchestrator_id)
        }
        return this.roll_calls(connection, unasked)

    def _history(self, key: int) -> History | None:
        """What a rule asks for seldom: it is read then, and so often at most in a round."""
        if self._unread <= 0:
            return None
        self._unread -= 1
        return histories.long_history(self._connection, key)

    def _runs_of(self, connection: Connection, keys: list[int]) -> dict[int, list[RunSeen]]:
        """The latest, more of them for jobs that were not looked at for long."""
        named = _runs_named(self._open.values())
        runs = facts.runs_seen(connection, keys, also=named)
        more = facts.runs_seen(connection, sorted(self._late), facts.RUNS_AFTER_A_GAP)
        for key, latest in more.items():
            there = {run.id for run in latest}
            runs[key] = [*latest, *(run for run in runs.get(key, ()) if run.id not in there)]
        return runs


def _add_signs(
    connection: Connection,
    now: datetime,
    runs: dict[int, list[RunSeen]],
    asked: set[int],
    named: set[int],
) -> None:
    """Signs of life to what runs for a while, and heartbeats to what to compare them with.

    asked: jobs whose orchestrator tells itself what still runs.
    """
    running: set[int] = set()
    ended: set[int] = set()
    for key, seen in runs.items():
        long = {one.id for one in seen if _is_long(one, now, asked=key in asked)}
        running |= long
        if long:
            ended.update([one.id for one in seen if one.ended_at is not None][:ENDED])
    found = signs.signs_of(connection, running, (ended | named) - running)
    if found:
        for key, seen in runs.items():
            runs[key] = [
                replace(one, signs=found[one.id]) if one.id in found else one for one in seen
            ]


def _is_long(one: RunSeen, now: datetime, *, asked: bool) -> bool:
    return (
        one.state is RunState.RUNNING
        and now - (one.started_at or one.sort_at) >= BRIEF
        and not (asked and one.answered)
    )


def _runs_named(open_keys: Iterable[Iterable[str]]) -> set[int]:
    """The runs that keys of open incidents name, however many have come since."""
    return {int(key) for key in _flat(open_keys) if key.isdecimal() and len(key) < _ID_DIGITS}


def _flat(open_keys: Iterable[Iterable[str]]) -> Iterator[str]:
    return (key for keys in open_keys for key in keys)


def _seen_from(runs: Sequence[RunSeen], *, late: bool) -> datetime | None:
    """Since when all runs of a job are there; None: they are all there."""
    most = facts.RUNS_AFTER_A_GAP if late else facts.RUNS
    return runs[most - 1].sort_at if len(runs) >= most else None


def _baselines(connection: Connection, this: Round, keys: list[int]) -> dict[int, Baseline | None]:
    """The jobs' baselines; one that is old is learned anew, and kept with the round."""
    kept = facts.baselines(connection, keys, this.now)
    missing = [key for key in keys if key not in kept]
    old = [key for key in keys if key in kept and kept[key].wanted]
    learned = histories.histories_of(connection, [*missing, *old[:REFITS]])
    for key, one in learned.items():
        this.fitted[key] = fit(one.samples, zone=one.zone)
    return {key: one.value for key, one in kept.items()} | this.fitted
