"""What all patterns have in common: what is told is told once, in one order, under one key."""

from __future__ import annotations

from hub.advice.base import Advice, advise, patterns, place_of, spoken
from hub.model import EntityName
from tests.support.advised import NOW, daily, dataset, day, ends, job, updates, world

KINDS = {
    "guessed_start", "poking_sensor", "too_many_tasks", "no_backfill", "useless_retries",
    "heavy_task", "unstable_rerun", "unwatched_cron", "orphan_dataset", "needless_runs", "overlap",
    "idle_chain",
}  # fmt: skip


def test_every_file_is_a_pattern_with_a_title() -> None:
    assert set(patterns) == KINDS
    assert all(one.title for _, one in patterns.items())


def test_an_empty_world_has_nothing_to_advise() -> None:
    assert advise(world(), NOW) == []


def test_a_key_is_the_same_for_the_same_thing_and_another_for_another() -> None:
    name = EntityName("airflow", "mart")

    def key(kind: str, job: EntityName | None, dataset: EntityName | None = None) -> str:
        return Advice(kind=kind, says="", fix="", job=job, dataset=dataset).key

    assert key("overlap", name) == key("overlap", EntityName("airflow", "mart"))
    others = {
        key("overlap", name), key("idle_chain", name), key("overlap", None, name),
        key("overlap", EntityName("airflowmart", "")),
    }  # fmt: skip
    assert len(others) == 4


def test_all_is_told_in_one_order() -> None:
    load = daily(3)
    seen = world(
        [
            job(1, "load", runs=load, writes=frozenset({10})),
            *(job(n, f"mart{n}", runs=daily(4), reads=frozenset({10})) for n in (4, 3, 2)),
        ],
        [dataset(10, updates=updates(ends(load)), writers=frozenset({1}), written_since=day(0))],
    )
    told = advise(seen, NOW)
    assert [one.job.name for one in told if one.job] == ["mart2", "mart3", "mart4"]
    assert told == sorted(told, key=place_of)


def test_lengths_are_spoken_by_their_largest_unit() -> None:
    assert [spoken(s) for s in (12, 60, 95, 2700, 5400, 86400, 200_000)] == [
        "12 s", "1 min", "1.6 min", "45 min", "1.5 h", "24 h", "2.3 d",
    ]  # fmt: skip
