"""What must hold of a store after whatever was done to its hubs."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from hub.store import tables as t
from hub.store.db import Database
from tests.support.normal_form import normal_form
from tests.support.storm import Storm, kept_events, names_of, rebuilt

ONCE_PER_RUN = ("run_started", "run_completed", "run_failed")


def check_survival(storm: Storm, database_url: str, folder: Path) -> int:
    """Each event that got a 2xx is there once, and the projection is what the events say."""
    with closing(Database(database_url)) as db:
        events = kept_events(db)
        names = names_of(events)
        assert storm.taken
        assert storm.taken - names.keys() == set(), "accepted and lost"
        assert [name for name, count in names.items() if count > 1] == [], "recorded twice"
        with closing(rebuilt(events, f"sqlite:///{folder}/rebuilt.db")) as again:
            held, said = normal_form(db), normal_form(again)
        for table in said:
            assert held[table] == said[table], table
        check_changes(db)
    return len(events)


def check_changes(db: Database) -> None:
    """Each transition was told once, and each writer numbered its changes without a gap."""
    c = t.change.c
    with db.reading() as connection:
        rows = connection.execute(select(c.writer_id, c.seq, c.kind, c.run_id)).all()
    told = Counter((row.kind, row.run_id) for row in rows if row.kind in ONCE_PER_RUN)
    assert [key for key, count in told.items() if count > 1] == [], "told twice"
    for writer in {row.writer_id for row in rows}:
        numbers = sorted(row.seq for row in rows if row.writer_id == writer)
        assert numbers == list(range(1, len(numbers) + 1)), "a gap in the changes"
