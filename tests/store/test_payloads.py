"""Real events, recorded on both engines: what was projected is what their facets say."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from hub.store.db import Database
from tests.support.judge import Judge
from tests.support.normal_form import NormalForm, normal_form
from tests.support.recording import Recording, empty, incoming
from tests.support.samples import Sample, own_events, shared_events

BATCH = 40


def by_folder(samples: list[Sample]) -> dict[str, list[bytes]]:
    """Events of one folder belong to one world."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for name, raw in samples:
        found["/".join(name.split("/")[:-1])].append(raw)
    return found


def judge(db: Database, folder: str, raws: list[bytes]) -> None:
    empty(db)
    record = Recording(db)
    for start in range(0, len(raws), BATCH):
        record.batch([incoming(raw) for raw in raws[start : start + BATCH]])
    assert list(Judge(record, raws).faults()) == [], folder


def test_our_own_payloads_are_projected_as_they_say(db: Database) -> None:
    worlds = by_folder(list(own_events()))
    assert len(worlds) >= 2
    for folder, raws in worlds.items():
        judge(db, folder, raws)


def test_what_others_captured_is_projected_as_it_says(db: Database) -> None:
    for folder, raws in by_folder(list(shared_events())).items():
        judge(db, folder, raws)


@pytest.mark.parametrize("seed", range(3))
def test_our_own_payloads_end_the_same_in_any_order(db: Database, seed: int) -> None:
    raws = [raw for _, raw in own_events()]
    forms: list[NormalForm] = []
    for _ in range(2):
        empty(db)
        record = Recording(db)
        size = 7 if forms else len(raws)
        for start in range(0, len(raws), size):
            record.batch([incoming(raw) for raw in raws[start : start + size]])
        forms.append(normal_form(db))
        random.Random(seed).shuffle(raws)
    for table, rows in forms[0].items():
        assert forms[1][table] == rows, table


def test_a_judge_finds_what_is_wrong(db: Database) -> None:
    """A projection in which things are missing or wrong does not pass."""
    raws = [raw for _, raw in own_events("airflow")]
    record = Recording(db)
    record.batch([incoming(raw) for raw in raws])
    assert list(Judge(record, raws).faults()) == []
    spoilt = {
        "states": "UPDATE attempt SET state = 'NEW'",
        "errors": "UPDATE attempt SET error_message = 'x'",
        "airflow": "UPDATE run SET natural_id = 'x' || id",
        "parents": "UPDATE run SET parent_run_id = -1",
        "io": "DELETE FROM edge",
        "updates": "DELETE FROM dataset_update",
        "job_facets": "DELETE FROM job_facet",
        "dataset_facets": "DELETE FROM dataset_facet",
        "jobs_described": "UPDATE job SET kind = 'x'",
        "schemas": "DELETE FROM dataset_schema",
        "columns": "DELETE FROM column_edge",
        "events_kept": "DELETE FROM lineage_event",
    }
    for statement in spoilt.values():
        with db.writing() as connection:
            connection.exec_driver_sql(statement)
    found = {fault.split(":")[0] for fault in Judge(record, raws).faults()}
    assert found >= spoilt.keys()
