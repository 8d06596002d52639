"""A company's year through the hub's own recorder and rules: what was told of the faults in it.

Beside it what simpler watchers tell of the same runs: cron and grace, as a heartbeat monitor does it,
and the usual thresholds of durations.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.detection.data_faults import put_data
from benchmarks.detection.faults import DEADLINE, Fault, put_faults
from benchmarks.detection.fleet import Fleet, fleet
from benchmarks.detection.orchestrators import put_troubles
from benchmarks.detection.parts import Part, Played, parts_of, play_parts, saying
from benchmarks.detection.telling import told as telling
from benchmarks.detection.watchers import WATCHERS, Alarm
from benchmarks.detection.world import REPORTED
from benchmarks.report import Section, table
from hub.backtest.replay import Replay, scratch
from hub.evaluate.book import PACK, Book, Declared
from hub.model import EntityName
from hub.rules.base import Subject
from hub.selector import Selector
from hub.store import history as kept
from hub.store.history import Told

#: How long before or after a fault an incident may begin that tells of it.
SLACK: Final = timedelta(minutes=15)
#: What is looked at together in the replay: times of incidents are true to that.
STEP: Final = timedelta(hours=1)
#: What has to be found without a miss and without a false alarm.
CERTAIN: Final = (
    "missed_schedule",
    "late_start",
    "late_finish",
    "freshness",
    "failed_run",
    "stuck",
)


#: Kinds that want settings, beside those that are always there; of freshness what is declared.
RULES: Final = (
    *(rule for rule in PACK if rule.name != "late-update"),
    Declared(name="late-start", kind="late_start", settings={"after_s": 900}),
    Declared(
        name="late-finish",
        kind="late_finish",
        select=Selector(name="daily_*"),
        settings={"within_s": DEADLINE.total_seconds()},
    ),
    Declared(name="too-often", kind="too_often"),
    Declared(name="missing-partition", kind="missing_partition"),
)


class Figures(Struct, frozen=True):
    """found, missed: faults; false: alarms without one."""

    found: int
    missed: int
    false: int

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.false, 1)

    @property
    def recall(self) -> float:
        return self.found / max(self.found + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.found / max(2 * self.found + self.false + self.missed, 1)


class Outcome(Struct, frozen=True):
    made: Fleet
    faults: list[Fault]
    told: list[Told]
    events: int
    seconds: float  # of one core


def run(*, full: bool, jobs: int | None = None, folder: Path | None = None) -> Iterator[Section]:
    """1,000 jobs over a year, or 60 over six weeks. folder: where finished parts are kept."""
    many, days = (jobs or 1000, 365) if full else (jobs or 60, 42)
    found = play(many, days, REPORTED, folder=folder)
    yield _section(found, many, days)


def play(
    jobs: int, days: int, seed: int, book: Book | None = None, *, folder: Path | None = None
) -> Outcome:
    """Puts faults into a fleet and replays what the hub hears of it, in parts."""
    made = fleet(jobs, days, seed)
    faults = [*put_faults(made, seed), *put_data(made, seed), *put_troubles(made, seed)]
    rules = book or Book(RULES)
    played = play_parts(parts_of(made), partial(play_part, seed=seed, book=rules), folder)
    return Outcome(
        made,
        faults,
        [one for part in played for one in part.told],
        events=sum(part.items for part in played),
        seconds=sum(part.seconds for part in played),
    )


def play_part(part: Part, *, seed: int, book: Book) -> Played:
    """Through the recorder and the rules, in a store of its own."""
    began = time.process_time()
    with scratch() as db:
        with Replay(db, book, step=STEP) as replay:
            replay.feed(saying(part, telling(part.made, seed)))
            replay.until(part.made.end)
        with db.reading() as connection:
            told = kept.told(connection)
    mine = [one for one in told if part.first or one.sort != Subject.ORCHESTRATOR]
    return Played(mine, replay.items, time.process_time() - began)


def judged(kind: str, alarms: Iterable[Alarm], faults: Sequence[Fault]) -> Figures:
    """An alarm is false where no fault of its kind is, nor one of which its kind may tell, too."""
    near: dict[EntityName, list[Fault]] = defaultdict(list)
    for fault in faults:
        near[fault.subject].append(fault)
    met: set[int] = set()
    false = 0
    for alarm in alarms:
        mine = [f for f in near[alarm.subject] if kind in (f.kind, *f.also) and _meet(alarm, f)]
        false += not mine
        met |= {id(f) for f in mine if f.kind == kind}
    wanted = sum(fault.kind == kind for fault in faults)
    return Figures(len(met), wanted - len(met), false)


def _meet(alarm: Alarm, fault: Fault) -> bool:
    if fault.key not in ("", alarm.key):
        return False
    return fault.since - SLACK <= alarm.since <= fault.until + SLACK or (
        alarm.since <= fault.since and (alarm.until is None or fault.since <= alarm.until)
    )


# -- the table -----------------------------------------------------------------------------------


def scores(found: Outcome) -> dict[tuple[str, str], Figures]:
    """By kind and watcher: the hub's rules, and who else watches for that kind."""
    by_kind: dict[str, list[Alarm]] = defaultdict(list)
    for one in found.told:
        by_kind[one.kind].append(Alarm(one.subject, one.since, one.resolved_at, one.key))
    kinds = dict.fromkeys(rule.kind for rule in RULES)
    figures = {}
    for kind in kinds:
        figures[kind, "hub"] = judged(kind, by_kind[kind], found.faults)
        for name, watcher in WATCHERS.get(kind, {}).items():
            figures[kind, name] = judged(kind, watcher(found.made), found.faults)
    return figures


def _section(found: Outcome, jobs: int, days: int) -> Section:
    figures = scores(found)
    verdicts = [
        f"{kind}: precision {it.precision:.2f}, recall {it.recall:.2f}; wanted: 1.00, 1.00"
        for (kind, who), it in figures.items()
        if who == "hub" and kind in CERTAIN
    ]
    verdicts.append(
        f"{found.events:,} events and observations in {found.seconds:.0f} s of one core:"
        f" {found.events / found.seconds:,.0f} a second"
    )
    rows = [
        (kind, who, it.found, it.missed, it.false, it.precision, it.recall, it.f1)
        for (kind, who), it in figures.items()
        if it.found or it.missed or it.false
    ]
    head = ("kind", "watcher", "found", "missed", "false", "precision", "recall", "F1")
    note = (
        f"{jobs:,} jobs over {days} days under three orchestrators, two of them polled and one that"
        " pushes: daily, on weekdays, hourly and monthly, in three time zones; Mondays, ends of"
        " months, holidays, trends, a heavy tail for a third of them; pauses, polls that fail for"
        " hours, runs a second early. Besides the pack: late_start after 15 minutes, late_finish"
        " within 4 hours for daily jobs, too_often, missing_partition. stuck: of jobs with"
        " heartbeats. A fourth orchestrator pushes too, and starts all its jobs at about the same"
        " time. Queues are sampled every ten minutes for a week, with nights that are 15 times as"
        " busy; parts of an orchestrator are down, half of the times for a minute."
    )
    return Section("Faults in a company's jobs", verdicts, [table(head, rows)], [note])
