"""The same facts in any order, any number of times and in any batches end in the same state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.store.db import Database
from hub.store.migrate import migrate
from tests.support.normal_form import NormalForm, normal_form
from tests.support.recording import (
    START,
    Recording,
    answer,
    at,
    dag_run,
    dataset_event,
    empty,
    incoming,
    job_event,
    part_of,
    run_event,
    try_of,
    uuid,
)

# Attempts of the task: (run id, Dag run, try, map index). The facet that tells may be missing.
TASKS = [(1, "a", 1, -1), (2, "a", 2, -1), (3, "b", 1, -1), (4, "m", 1, 0), (5, "m", 1, 1)]
DAG_RUNS = [(11, "a", 0), (12, "a", 1), (13, "b", 0), (14, "m", 0)]
DATASETS = ["x", "y", "z", "w"]
KINDS = ["START", "RUNNING", "OTHER", "COMPLETE", "COMPLETE", "FAIL", "ABORT"]

minutes = st.integers(0, 6)
words = st.sampled_from(["one", "two", "three"])


def facets_of_dataset() -> st.SearchStrategy[dict[str, Any]]:
    columns = st.lists(st.sampled_from("abc"), max_size=2, unique=True)
    links = st.lists(st.sampled_from(DATASETS), min_size=1, max_size=2)
    known = {
        "schema": columns.map(
            lambda names: {"fields": [{"name": n, "type": "int"} for n in names]}
        ),
        "documentation": words.map(lambda word: {"description": word}),
        "ownership": words.map(lambda word: {"owners": [{"name": f"team:{word}"}]}),
        "dataSource": words.map(lambda word: {"name": "warehouse", "uri": f"pg://{word}"}),
        "tags": words.map(lambda word: {"tags": [{"key": word, "value": "v"}]}),
        "hub_dagster_asset": words.map(lambda word: {"partition": word}),
        "columnLineage": st.sampled_from(DATASETS).map(column_lineage),
        "symlinks": links.map(
            lambda names: {
                "identifiers": [{"namespace": "db", "name": n, "type": "TABLE"} for n in names]
            }
        ),
        "unheardOf": words.map(lambda word: {"says": word}),
    }
    return st.fixed_dictionaries({}, optional=known)


def column_lineage(source: str) -> dict[str, Any]:
    return {"fields": {"a": {"inputFields": [{"namespace": "db", "name": source, "field": "b"}]}}}


def datasets() -> st.SearchStrategy[list[dict]]:
    one = st.builds(
        lambda name, facets, rows: {
            "namespace": "db",
            "name": name,
            "facets": facets,
            "outputFacets": {"outputStatistics": {"rowCount": rows}},
        },
        st.sampled_from(DATASETS),
        facets_of_dataset(),
        st.integers(0, 3),
    )
    return st.lists(one, max_size=2)


def parents() -> st.SearchStrategy[dict | None]:
    """None: the event names no parent; else the root, if any, beside it."""
    root = {"run": {"runId": uuid(21)}, "job": {"namespace": "other", "name": "root"}}
    return st.sampled_from([None, {}, {"root": root}])


def answers() -> st.SearchStrategy[dict]:
    """None, or the orchestrator's own answer, `heard` so many minutes after all else."""
    given = st.builds(
        lambda word, heard, start, retry: answer(
            word, heard=heard, startedAt=at(start), queuedAt=at(start), willRetry=retry
        ),
        words,
        st.integers(0, 2),
        minutes,
        st.booleans(),
    )
    return st.just({}) | given


def heard_at(event: dict) -> int:
    facets = event.get("run", {}).get("facets", {})
    minutes_later: int = facets.get("trackside_answer", {}).get("heard", 0)
    return START + minutes_later * 60_000_000


def about_tasks() -> st.SearchStrategy[dict]:
    def build(
        kind: str, minute: int, task: Any, tells: bool, parent: dict | None, clear: int, **more: Any
    ) -> dict:
        run, natural, number, index = task
        facets = try_of(natural, number, retries=1, index=index) if tells else {}
        mine = [dag_run[0] for dag_run in DAG_RUNS if dag_run[1] == natural]
        told = {} if parent is None else part_of(mine[clear % len(mine)], **parent)
        run_facets = facets | told | more.pop("run_facets")
        return run_event(kind, minute, run, run_facets=run_facets, **more)

    needs: st.SearchStrategy[dict] = st.just({}) | words.map(
        lambda word: {
            "jobDependencies": {
                "upstream": [{"job": {"namespace": "prod", "name": "up"}, "dependency_type": word}]
            }
        }
    )
    error: st.SearchStrategy[dict] = st.just({}) | words.map(
        lambda word: {"errorMessage": {"message": word, "programmingLanguage": "python"}}
    )
    return st.builds(
        build,
        st.sampled_from(KINDS),
        minutes,
        st.sampled_from(TASKS),
        st.booleans(),
        parents(),
        st.integers(0, 1),
        run_facets=st.builds(lambda a, b, c: a | b | c, needs, error, answers()),
        job_facets=facets_of_job(),
        inputs=datasets(),
        outputs=datasets(),
    )


def facets_of_job() -> st.SearchStrategy[dict[str, Any]]:
    known = {
        "documentation": words.map(lambda word: {"description": word}),
        "ownership": words.map(lambda word: {"owners": [{"name": word}]}),
        "sourceCodeLocation": words.map(lambda word: {"type": "git", "url": word}),
        "tags": words.map(lambda word: {"tags": [{"key": word, "value": "v"}]}),
        "jobType": st.sampled_from(["AIRFLOW", "DBT"]).map(
            lambda word: {"processingType": "BATCH", "integration": word, "jobType": "TASK"}
        ),
    }
    return st.fixed_dictionaries({}, optional=known)


def about_dag_runs() -> st.SearchStrategy[dict]:
    def build(kind: str, minute: int, which: Any, tells: bool, partition: str | None) -> dict:
        run, natural, cleared = which
        facets = dag_run(natural, cleared=cleared, partition_key=partition) if tells else {}
        return run_event(kind, minute, run, job="etl", outputs=["x"], run_facets=facets)

    return st.builds(
        build,
        st.sampled_from(KINDS),
        minutes,
        st.sampled_from(DAG_RUNS),
        st.booleans(),
        st.none() | words,
    )


def about_no_run() -> st.SearchStrategy[dict]:
    names = st.lists(st.sampled_from(DATASETS), max_size=2, unique=True)
    lifecycle = st.sampled_from(["CREATE", "OVERWRITE", "ALTER"]).map(
        lambda word: {"lifecycleStateChange": {"lifecycleStateChange": word}}
    )
    return st.builds(
        lambda minute, inputs, outputs: job_event(minute, inputs=inputs, outputs=outputs),
        minutes,
        names,
        names,
    ) | st.builds(
        lambda minute, name, facets, more: dataset_event(minute, name, **facets, **more),
        minutes,
        st.sampled_from(DATASETS),
        facets_of_dataset(),
        st.just({}) | lifecycle,
    )


def histories() -> st.SearchStrategy[list[dict]]:
    return st.lists(about_tasks() | about_dag_runs() | about_no_run(), min_size=2, max_size=8)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    yield from opened(f"sqlite:///{tmp_path_factory.mktemp('order') / 'a.db'}")


@pytest.fixture(scope="module")
def postgres(module_postgres_url: str) -> Iterator[Database]:
    yield from opened(module_postgres_url)


def opened(url: str) -> Iterator[Database]:
    db = Database(url, durable=False)
    migrate(db)
    yield db
    db.close()


def recorded(db: Database, batches: list[list[dict]]) -> NormalForm:
    empty(db)
    record = Recording(db)
    for batch in batches:
        record.batch([incoming(event, heard_at=heard_at(event)) for event in batch])
    return normal_form(db)


def shuffled(events: list[dict], chance: random.Random) -> list[list[dict]]:
    """All of the events, some more than once, in any order, in batches."""
    again = [event for event in events if chance.random() < 0.3]
    order = [*events, *again]
    chance.shuffle(order)
    batches: list[list[dict]] = [[]]
    for event in order:
        if chance.random() < 0.6:
            batches.append([])
        batches[-1].append(event)
    return [batch for batch in batches if batch]


def same_in_any_order(db: Database, events: list[dict], seed: int) -> None:
    chance = random.Random(seed)
    expected = recorded(db, [events])
    for batches in (
        [[event] for event in events],
        shuffled(events, chance),
        shuffled(events, chance),
    ):
        found = recorded(db, batches)
        for table, rows in expected.items():
            assert found[table] == rows, f"{table} differs"


slow = settings(suppress_health_check=list(HealthCheck), derandomize=True)


@settings(slow, max_examples=150)
@given(histories(), st.integers(0, 2**32))
def test_any_order_ends_in_the_same_state_on_sqlite(
    sqlite: Database, events: list[dict], seed: int
) -> None:
    same_in_any_order(sqlite, events, seed)


@pytest.mark.postgres
@settings(slow, max_examples=15)
@given(histories(), st.integers(0, 2**32))
def test_any_order_ends_in_the_same_state_on_postgresql(
    postgres: Database, events: list[dict], seed: int
) -> None:
    same_in_any_order(postgres, events, seed)
