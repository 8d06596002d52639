"""Cases in which Airflow's asset triggers lose, duplicate or start too early. Numbers: its issues."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.triggers.conditions import Arrival, Decision, Past, decide, parse
from tests.support.conditions import START, Answer, Said, minutes, update

SIXTEEN = [f"d{number:02}" for number in range(16)]
ALL_OF_THEM = parse(f"all({', '.join(f'db/{name}' for name in SIXTEEN)})")


def looked(
    text: str, arrivals: list[Arrival], minute: float, last: float | None = None
) -> Decision:
    past = Past(None if last is None else START + minutes(last))
    return decide(parse(text), arrivals, past, Said(), START + minutes(minute))


@settings(max_examples=100)
@given(st.permutations(range(16)), st.lists(st.integers(0, 3), min_size=16, max_size=16))
def test_sixteen_inputs_in_any_order_launch_with_the_last_and_never_with_fifteen(
    order: list[int], gaps: list[int]
) -> None:
    """56541; several may come at the same instant."""
    heard: list[Arrival] = []
    minute = 0
    for place, number in enumerate(order):
        minute += gaps[place]
        heard.append(update(number, SIXTEEN[number], minute))
        made = decide(ALL_OF_THEM, heard, Past(), Said(), START + minutes(minute))
        assert made.satisfied is (place == 15)
        if place < 15:
            assert made.waiting_for[0].text.endswith(f"({place + 1} of 16 there)")
    assert decide(ALL_OF_THEM, heard, Past(), Said(), START).consumed == tuple(range(16))


def test_sixteen_producers_of_one_dataset_at_one_instant_are_one_launch_that_names_them_all() -> (
    None
):
    """26256: sixteen sources, one sink."""
    made = looked("db/counter", [update(n, "counter", 5) for n in range(16)], 5)
    assert made.consumed == tuple(range(16))
    assert made.coalesced == tuple(range(15))


def test_what_comes_while_the_target_is_at_its_limit_all_counts_for_the_next_launch() -> None:
    """56050: with max_active_runs 1 the second run takes one event, and the rest are forgotten."""
    assert looked("db/a", [update(1, "a", 0)], 0).consumed == (1,)
    held = [update(2, "a", 1), update(3, "a", 2), update(4, "a", 3)]
    assert looked("db/a", held, 10, last=0).consumed == (2, 3, 4)


def test_what_came_while_the_consumer_was_paused_launches_when_it_is_resumed() -> None:
    """49857, 59337: nothing has to be updated once more."""
    paused = [update(1, "a", 10), update(2, "b", 20)]
    assert looked("all(db/a, db/b)", paused, 600, last=0).consumed == (1, 2)


def test_resumed_one_by_one_every_update_has_a_launch_of_its_own() -> None:
    """55956, 47398: asked to replay, whoever resumes shows one update after the other."""
    last = 0.0
    for arrival in [update(number, "a", number) for number in (1, 2, 3, 4)]:
        last += 10
        assert looked("db/a", [arrival], last, last - 10).consumed == (arrival.update_id,)


def test_an_update_older_than_the_last_launch_that_is_heard_of_late_is_not_forgotten() -> None:
    """56749: events older than the last run are silently ignored."""
    assert looked("db/a", [update(7, "a", 3)], 9, last=5).consumed == (7,)


def test_what_came_after_the_tick_is_not_handed_to_the_run_of_that_tick() -> None:
    """41571: a run sees events that were made after its time."""
    heard = [update(1, "a", 50), update(2, "a", 61)]
    assert looked('db/a cron "0 * * * *"', heard, 65).consumed == (1,)
    assert looked('db/a cron "0 * * * *"', heard[1:], 65, last=65).again_at == START + minutes(120)


def test_by_the_clock_but_only_with_new_data_in_every_input() -> None:
    """58056: a schedule of time AND assets."""
    text = 'all(db/a, db/b) cron "0 * * * *"'
    made = looked(text, [update(1, "a", 10)], 60)
    assert (made.satisfied, made.again_at) == (False, None)
    assert made.waiting_for[0].text == "waiting for db/b (1 of 2 there)"
    assert not looked(text, [update(1, "a", 10), update(2, "b", 70)], 70).satisfied
    assert looked(text, [update(1, "a", 10), update(2, "b", 70)], 120).consumed == (1, 2)


def test_a_late_input_does_not_hold_up_everything_for_ever() -> None:
    """43518: start anyway when time is up."""
    made = looked("all(db/a, db/b) at most 1h after the first", [update(1, "a", 0)], 60)
    assert (made.consumed, made.note) == (
        (1,),
        "launched 1 h after the first update with 1 of 2: db/b is missing",
    )


def test_two_who_decide_at_once_decide_the_same_whatever_order_they_read_in() -> None:
    """63507, 54491, 71070: two schedulers make two runs of one cause."""
    heard = [update(1, "a", 0), update(2, "b", 0), update(3, "a", 0)]
    one = looked("all(db/a, db/b)", heard, 1)
    other = looked("all(db/a, db/b)", [*reversed(heard), *heard], 1)
    assert one == other


def test_a_mix_of_and_and_or_holds_exactly_when_it_is_true() -> None:
    """46288: (1 & 2 & 3) | (a & b); every one of the 32 cases."""
    text = "any(all(db/1, db/2, db/3), all(db/a, db/b))"
    for there in product([False, True], repeat=5):
        heard = [update(n, name, 0) for n, name in enumerate("123ab") if there[n]]
        assert looked(text, heard, 0).satisfied is (all(there[:3]) or all(there[3:]))


def test_what_the_other_side_of_an_or_has_gathered_goes_with_the_launch() -> None:
    """Else it would launch again, long after, with what is old by then."""
    text = "any(all(db/1, db/2), db/a)"
    made = looked(text, [update(1, "1", 0), update(2, "a", 1)], 1)
    assert (made.consumed, made.coalesced) == ((1, 2), (1,))


def test_nothing_that_was_used_up_starts_a_second_run() -> None:
    """56691: what one launch took is gone for the next, in every input."""
    made = looked("all(db/a, db/b)", [update(n, "ab"[n % 2], n) for n in range(6)], 6)
    assert made.consumed == (0, 1, 2, 3, 4, 5)
    assert not looked("all(db/a, db/b)", [update(6, "a", 7)], 7, last=6).satisfied


def test_an_update_that_fails_its_checks_does_not_start_anybody_until_they_pass() -> None:
    """No event of Airflow asks for quality."""
    text = parse("all(db/a, db/b) gate(checks passed)")
    heard = [update(1, "a", 0), update(2, "b", 1)]
    shut = Said({"a": Answer(False, ("check not_null(id) failed",))})
    made = decide(text, heard, Past(), shut, START + minutes(1))
    assert [wait.text for wait in made.waiting_for] == [
        "waiting for db/a to pass its gate: check not_null(id) failed (1 of 2 there)"
    ]
    assert decide(text, heard, Past(), Said(), START + minutes(2)).consumed == (1, 2)
