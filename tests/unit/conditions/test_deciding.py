"""What launches, what is used up by it, and what is waited for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.model import EntityName
from hub.triggers.conditions import Arrival, Decision, Past, Quality, decide, parse
from tests.support.conditions import START, Answer, Said, minutes, update


def look(
    text: str,
    arrivals: list[Arrival],
    minute: float,
    facts: Said | None = None,
    last: float | None = None,
) -> Decision:
    past = Past(None if last is None else START + minutes(last))
    return decide(parse(text), arrivals, past, facts or Said(), START + minutes(minute))


def said(decision: Decision) -> list[str]:
    return [wait.text for wait in decision.waiting_for]


def at(minute: float) -> datetime:
    return START + minutes(minute)


def test_one_dataset_launches_with_its_update() -> None:
    found = look("db/a", [update(1, "a", 0)], 0)
    assert (found.satisfied, found.consumed, found.note) == (True, (1,), "")


def test_all_wait_for_the_last_of_them() -> None:
    both = [update(1, "a", 0), update(2, "b", 5)]
    found = look("all(db/a, db/b, db/c)", both, 5)
    assert (found.satisfied, found.again_at) == (False, None)
    assert said(found) == ["waiting for db/c (2 of 3 there)"]
    assert found.waiting_for[0].since == at(0)
    assert look("all(db/a, db/b, db/c)", [*both, update(3, "c", 6)], 6).consumed == (1, 2, 3)


def test_several_updates_of_one_dataset_are_one_launch() -> None:
    found = look("all(db/a, db/b)", [update(n, "a", n) for n in (1, 2, 3)] + [update(4, "b", 9)], 9)
    assert (found.consumed, found.coalesced) == ((1, 2, 3, 4), (1, 2))


def test_debounce_waits_until_it_is_quiet() -> None:
    found = look("db/a debounce 5m", [update(1, "a", 0), update(2, "a", 3)], 4)
    assert (found.satisfied, found.again_at) == (False, at(8))
    assert look("db/a debounce 5m", [update(1, "a", 0), update(2, "a", 3)], 8).consumed == (1, 2)


def test_by_a_time_it_launches_with_what_is_there_and_says_so() -> None:
    text = "all(db/a, db/b, db/c) by 01:00 UTC"
    there = [update(1, "a", 0), update(2, "b", 5)]
    early = look(text, there, 59)
    assert (early.satisfied, early.again_at) == (False, at(60))
    found = look(text, there, 60)
    assert found.consumed == (1, 2)
    assert found.note == "launched by 01:00 UTC with 2 of 3: db/c is missing"
    assert not look(text, [], 60).satisfied


def test_a_closed_gate_holds_its_updates_back() -> None:
    shut = Said({"a": Answer(False, ("check rows failed",), at(30))})
    found = look("any(db/a gate(checks passed), db/b)", [update(1, "a", 0)], 1, shut)
    assert (found.satisfied, found.again_at) == (False, at(30))
    text = "any(db/a gate(checks passed), db/b)"
    other = look(text, [update(1, "a", 0), update(2, "b", 1)], 1, shut)
    assert (other.consumed, other.again_at) == ((2,), at(30))


def test_by_cron_only_what_came_before_the_tick_counts() -> None:
    text = 'db/a cron "0 * * * *"'
    assert look(text, [update(1, "a", 30)], 30).again_at == at(60)
    found = look(text, [update(1, "a", 30), update(2, "a", 61)], 62, last=0)
    assert (found.consumed, found.again_at) == ((1,), at(120))
    assert not look(text, [update(3, "a", 59)], 62, last=60).satisfied


def test_an_update_that_is_too_old_is_ignored() -> None:
    text = "all(db/a in the last 1h, db/b)"
    found = look(text, [update(1, "a", 0)], 59)
    assert (found.ignored, found.again_at) == ((), START + timedelta(hours=1))
    found = look(text, [update(1, "a", 0)], 60)
    assert [(one.update_id, one.reason) for one in found.ignored] == [(1, "it is older than 1 h")]
    assert found.again_at is None


def test_an_update_that_does_not_count_is_ignored_and_told_why() -> None:
    found = look("db/a where rows >= 10", [update(1, "a", 0, rows=3)], 0)
    assert [one.reason for one in found.ignored] == ["its rows is 3, not >= 10"]
    best = Said(metrics={("prod", "score"): 0.8})
    text = "db/a where score > score of db/prod"
    assert look(text, [update(1, "a", 0, metrics={"score": 0.9})], 0, best).satisfied
    assert not look(text, [update(1, "a", 0, metrics={"score": 0.8})], 0, best).satisfied


def test_a_dataset_is_there_when_every_part_of_it_is() -> None:
    day = Said(parts={"hourly": frozenset({"00", "01", "02"})})
    two = [update(n, "hourly", n, source_partition=f"0{n}") for n in (0, 1)]
    waiting = look("any(db/hourly, db/b)", two, 2, day)
    assert (waiting.satisfied, waiting.consumed) == (False, ())
    assert said(look("db/hourly", two, 2, day)) == [
        "waiting for db/hourly, of which 1 of 3 are not there: 02"
    ]
    assert look("any(db/hourly, db/b)", [*two, update(9, "b", 2)], 2, day).consumed == (9,)
    whole = look("db/hourly", [*two, update(2, "hourly", 5, source_partition="02")], 5, day)
    assert (whole.consumed, whole.coalesced) == ((0, 1, 2), ())
    late = look("db/hourly at most 10m after the first", two, 10, day)
    assert late.consumed == (0, 1)
    assert late.note.endswith("with 0 of 1: of db/hourly 1 of 3 are not there: 02")


def test_what_some_of_many_wait_for_is_said_in_one_sentence() -> None:
    text = "3 of (db/a, db/b, all(db/c, db/d), db/e)"
    assert said(look(text, [update(1, "a", 0)], 1)) == [
        "waiting for 2 of db/b, all(db/c, db/d), db/e (1 of 3 there)"
    ]
    assert said(look("all(db/a, any(db/b, db/c))", [update(1, "a", 0)], 1)) == [
        "waiting for 1 of db/b, db/c (0 of 1 there)"
    ]
    assert said(look("db/a", [], 1)) == ["waiting for db/a"]
    many = f"2 of ({', '.join(f'db/{n}' for n in range(20))})"
    assert said(look(many, [], 1)) == [
        "waiting for 2 of db/0, db/1, db/2, db/3, db/4, db/5, db/6, db/7 and 12 more (0 of 2 there)"
    ]


def test_nothing_is_there_and_nothing_is_asked() -> None:
    facts = Said()
    found = look("all(db/a, db/b) gate(checks passed) by 00:30", [], 60, facts)
    assert (found.satisfied, found.again_at, facts.asked) == (False, None, [])
    assert [wait.since for wait in found.waiting_for] == [None, None]


def test_a_fact_is_asked_for_once_however_often_it_matters() -> None:
    facts = Said(metrics={("prod", "score"): 0.5})
    text = (
        "any(all(db/a gate(checks passed), db/b), db/a gate(checks passed)"
        " where score > score of db/prod, db/c where score > score of db/prod)"
    )
    heard = [update(n, "a", n, metrics={"score": 0.1}) for n in range(3)]
    look(text, [*heard, update(9, "c", 9, metrics={"score": 0.2})], 10, facts)
    assert sorted(str(one) for one in facts.asked) == sorted({str(one) for one in facts.asked})
    assert ("prod", "score") in facts.asked


def test_one_bad_partition_holds_back_the_others_of_its_dataset() -> None:
    facts = Said({"a[p1]": Answer(False, ("check rows failed",))})
    heard = [update(n, "a", n, source_partition=f"p{n}") for n in (0, 1)]
    found = look("db/a gate(checks passed)", heard, 2, facts)
    assert said(found) == ["waiting for db/a to pass its gate: p1: check rows failed"]
    assert look("db/a gate(checks passed)", heard[:1], 2, facts).satisfied


def test_a_gate_of_a_group_is_that_of_each_dataset_in_it_and_the_stricter_counts() -> None:
    facts = Said()
    text = "all(db/a gate(fresh within 1h), db/b) gate(checks passed, fresh within 2h)"
    look(text, [update(1, "a", 0), update(2, "b", 0)], 1, facts)
    gates = {name: wanted for name, _, wanted in facts.asked if isinstance(wanted, Quality)}
    assert gates == {"a": Quality(True, False, 3600), "b": Quality(True, False, 7200)}


def test_what_is_not_known_yet_keeps_a_gate_shut_and_time_is_told_when_it_may_open() -> None:
    facts = Said({"a": Answer(None, ("no check has reported",), at(7))})
    found = look("db/a gate(checks passed)", [update(1, "a", 0)], 1, facts)
    assert (found.satisfied, found.again_at) == (False, at(7))


def test_no_deadline_opens_a_gate() -> None:
    facts = Said({"a": Answer(False, ("check rows failed",))})
    text = "all(db/a gate(checks passed), db/b) at most 5m after the first"
    alone = look(text, [update(1, "a", 0)], 60, facts)
    assert (alone.satisfied, alone.again_at) == (False, None)
    both = look(text, [update(1, "a", 0), update(2, "b", 0)], 60, facts)
    assert both.consumed == (2,)
    assert both.note.endswith("with 1 of 2: db/a is held back (check rows failed)")


@pytest.mark.parametrize(
    ("where", "told", "reason"),
    [
        ("partition is 2026-*", {"source_partition": "2025-01"}, "its partition is 2025-01, not 2026-*"),
        ("tag is pii", {"tags": frozenset({"b", "a"})}, "its tag is a, b, not pii"),
        ("job is etl/*", {}, "its job is none, not etl/*"),
        ("job is etl/*", {"job": EntityName("adhoc", "x")}, "its job is adhoc/x, not etl/*"),
        ("team is shop", {"team": "web"}, "its team is web, not shop"),
        ("rows > 0", {"rows": 0}, "its rows is 0, not > 0"),
        ("bytes < 10", {"bytes": 10}, "its bytes is 10, not < 10"),
        ("loss <= 0.5", {"metrics": {"loss": 0.75}}, "its loss is 0.75, not <= 0.5"),
        ("loss = 1", {}, "it reported no loss, of which loss = 1 is asked"),
        ("auc > auc of db/p", {"metrics": {"auc": 1.0}}, "there is nothing yet to compare its auc with (auc of db/p)"),
        ("auc > auc of db/p or 2", {"metrics": {"auc": 1.0}}, "its auc is 1, not > 2 (auc of db/p)"),
    ],
)  # fmt: skip
def test_an_update_that_is_filtered_out_is_told_by_what(
    where: str, told: dict[str, Any], reason: str
) -> None:
    found = look(f"db/a where {where}", [update(1, "a", 0, **told)], 0)
    assert [one.reason for one in found.ignored] == [reason]


def test_filters_take_what_they_name() -> None:
    told = update(
        1,
        "a",
        0,
        source_partition="2026-11",
        tags=frozenset({"pii", "tier:1"}),
        job=EntityName("airflow://prod", "load_a"),
        team="shop",
        rows=5,
    )
    text = (
        "db/a where partition is 2026-* and tag is tier:* and job is airflow://prod/load_*"
        " and team is shop and rows = 5"
    )
    assert look(text, [told], 0).consumed == (1,)


def test_what_is_no_input_is_ignored() -> None:
    assert [one.reason for one in look("db/a", [update(1, "b", 0)], 0).ignored] == [
        "db/b is no input"
    ]


def test_a_dataset_named_twice_is_ignored_only_if_neither_takes_it() -> None:
    text = "all(db/a where rows > 5, db/b) in the last 1h"
    both = f"any({text}, all(db/a where rows < 3, db/c))"
    assert look(both, [update(1, "a", 0, rows=9), update(2, "a", 0, rows=2)], 1).ignored == ()
    assert [one.reason for one in look(both, [update(1, "a", 0, rows=4)], 1).ignored] == [
        "its rows is 4, not > 5; its rows is 4, not < 3"
    ]
    aged = look(both, [update(1, "a", 0, rows=9)], 61)
    assert [one.reason for one in aged.ignored] == ["it is older than 1 h; its rows is 9, not < 3"]
