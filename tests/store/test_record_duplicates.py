"""The same bytes of the same event are recorded once."""

from __future__ import annotations

import pytest

from hub.record import Accepted
from hub.store.db import Database
from tests.support.normal_form import normal_form
from tests.support.recording import Recording, run_event

EVENT = run_event("COMPLETE", 5, outputs=["x"])


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def test_the_second_of_two_in_a_batch_is_a_duplicate(record: Recording) -> None:
    assert record(EVENT, EVENT) == [Accepted(new=True), Accepted(new=False)]
    assert record.one("SELECT count(*) FROM lineage_event") == (1,)


def test_a_later_duplicate_changes_nothing(db: Database, record: Recording) -> None:
    record(EVENT)
    before = normal_form(db)
    told = record.changes()
    assert record(EVENT) == [Accepted(new=False)]
    assert Recording(db)(EVENT) == [Accepted(new=False)]  # after a restart, too
    assert normal_form(db) == before
    assert record.changes() == told


def test_the_same_facts_in_other_bytes_are_another_event_of_the_same_run(
    record: Recording,
) -> None:
    record(EVENT)
    assert record({**EVENT, "producer": "https://example.org/other"}) == [Accepted(new=True)]
    assert record.one("SELECT count(*) FROM lineage_event") == (2,)
    assert record.one("SELECT count(*) FROM run") == (1,)
    assert record.changes().count("dataset_updated") == 1
    assert record.changes().count("run_completed") == 1
