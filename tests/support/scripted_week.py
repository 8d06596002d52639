"""A week of some jobs under a clock of its own, by a process that may be killed and begun again.

python -m tests.support.scripted_week DATABASE_URL: goes on where the store says that it was, and says
a line for every few things that have happened.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from benchmarks.detection.faults import put_faults
from benchmarks.detection.fleet import Fleet, fleet
from benchmarks.detection.telling import told as telling
from hub import logs
from hub.backtest.replay import Replay
from hub.evaluate.book import PACK, Book, Declared
from hub.model import Viewer
from hub.record import Incoming
from hub.store import history
from hub.store.db import Database
from hub.store.incidents import get_incident
from hub.store.tables import lineage_event
from hub.store.types import EPOCH, to_micros
from tests.support.hub_process import ROOT

STEP: Final = timedelta(minutes=15)
SEED: Final = 11
#: Of these a line is said.
EVERY: Final = 10
#: What is normal is learned at times that a kill moves.
OVERRUN: Final = Declared(name="overrun", kind="overrun", settings={"limit_s": 1800})
BOOK: Final = Book([*(one for one in PACK if one.name != "overrun"), OVERRUN])

Story = tuple[str, str, datetime, tuple[tuple[str, str], ...]]


def week() -> Fleet:
    made = fleet(24, 7, SEED)
    put_faults(made, SEED, share=0.3, before=2, between=2)
    return made


def replay_week(db: Database) -> None:
    """From where the store is. What was recorded of the last step may not be all of it."""
    made = week()
    with db.reading() as connection:
        last = connection.scalar(select(func.max(lineage_event.c.received_at)))
    begin = EPOCH if last is None else last - 2 * STEP
    items = (one for one in telling(made) if one.received_at >= to_micros(begin))
    with Replay(db, BOOK, step=STEP, begin=begin) as replay:
        replay.feed(_telling(items))
        replay.until(made.end)


def _telling(items: Iterator[Incoming]) -> Iterator[Incoming]:
    for number, item in enumerate(items):
        yield item
        if number % EVERY == 0:
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


def kill_often(url: str, times: int, chance: random.Random) -> int:
    """Replays the week with kill -9 at random moments; how often it was killed before the end."""
    killed = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.scripted_week", url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        with process:
            lines = chance.randrange(2 * LINES // times) + 1 if killed < times else None
            for number, _ in enumerate(process.stdout):
                if number == lines:
                    time.sleep(chance.random() / 10)
                    process.kill()
                    break
        if process.returncode == 0:
            return killed
        assert process.returncode == -9
        killed += 1


#: Lines that a week says, about.
LINES: Final = 2080


def stories(db: Database) -> list[Story]:
    """Every incident with all that became of it, but for when."""
    with db.reading() as connection:
        found = []
        for one in history.told(connection):
            view = get_incident(connection, Viewer(all=True), one.id)
            steps = tuple((step.transition, step.reason) for step in view.history or ())
            found.append((one.rule, str(one.subject), one.since, steps))
        return sorted(found)


if __name__ == "__main__":
    logs.setup("error")
    with closing(Database(sys.argv[1], durable=False)) as db:
        replay_week(db)
