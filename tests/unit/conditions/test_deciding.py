"""What launches, what is used up by it, and what is waited for."""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.triggers.conditions import Arrival, Decision, Past, decide, parse
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
