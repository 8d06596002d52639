"""Which partitions an update counts for, and which make one complete: nothing lost, none twice."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import available_timezones

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.schedules.periods import Every
from hub.schedules.stretches import ORDER, Cut
from hub.triggers.partitions import (
    FanOut,
    TimeWindow,
    mapped,
    parse,
    progress_of,
    sources_of,
    targets_of,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))
instants = st.integers(-69 * 365 * 24 * 60, 120 * 365 * 24 * 60).map(
    lambda minute: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)  # 1901 to 2089: whatever clocks did, and will do


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    every = draw(st.sampled_from(ORDER))
    return Cut(every, draw(zones), draw(st.integers(0, 6)) if every is Every.WEEK else 0)


def rank(cut: Cut) -> int:
    return ORDER.index(cut.every)


@settings(max_examples=300)
@given(cuts(), cuts(), instants)
def test_each_part_counts_for_one_whole_which_names_it_among_its_parts(
    to: Cut, source: Cut, at: datetime
) -> None:
    assume(rank(source) <= rank(to) <= rank(source) + 2)
    mapping = TimeWindow(to, source)
    for part in islice(source.following(at), 5):
        (target,) = targets_of(mapping, part.key, NOW)
        assert part.key in (sources_of(mapping, target) or ())
        assert all(targets_of(mapping, one, NOW) == (target,) for one in _some(mapping, target))


def _some(mapping: TimeWindow, target: str) -> list[str]:
    """The first and last parts: in the middle of a year nothing can go wrong that can not there."""
    parts = list(sources_of(mapping, target) or ())
    return parts[:2] + parts[-2:]


@settings(max_examples=200)
@given(cuts(), cuts(), instants)
def test_a_whole_that_is_fanned_out_is_the_only_source_of_each_part(
    to: Cut, source: Cut, at: datetime
) -> None:
    assume(rank(to) < rank(source) <= rank(to) + 2)
    mapping = FanOut(to, source)
    first, second = islice(source.following(at), 2)
    parts = [targets_of(mapping, whole.key, NOW) for whole in (first, second)]
    expected = [one.key for one in to.beginning(first.begin, second.end)]
    assert [key for some in parts for key in some] == expected  # none lost, none twice
    for whole, some in zip((first, second), parts, strict=True):
        assert all(sources_of(mapping, key) == (whole.key,) for key in (*some[:2], *some[-2:]))


def test_a_day_waits_for_the_hours_that_it_has() -> None:
    mapping = parse("day of hour in Europe/Berlin, all")
    short = sources_of(mapping, "2026-03-29") or ()
    assert len(short) == 23
    assert not progress_of(mapping, "2026-03-29", short[:-1]).satisfied
    assert progress_of(mapping, "2026-03-29", short).satisfied
    long = progress_of(mapping, "2026-10-25", sources_of(mapping, "2026-10-25") or ())
    assert (long.needed, long.satisfied) == (25, True)


def test_an_hour_told_once_of_two_counts_for_both() -> None:
    mapping = parse("day of hour in Europe/Berlin, all")
    airflow = [f"2026-10-25T{hour:02}" for hour in range(24)]
    assert progress_of(mapping, "2026-10-25", airflow).satisfied
    assert mapped(mapping, "2026-10-25T02", NOW).targets == ("2026-10-25",)
    assert "comes twice" in mapped(mapping, "2026-10-25T02", NOW).note
    dagster = [f"2026-10-25-{hour:02}:00" for hour in range(24)]
    assert progress_of(mapping, "2026-10-25", dagster).missing == ("2026-10-25T02+01:00",)
    assert progress_of(mapping, "2026-10-25", [*dagster, "2026-10-25-02:00+0100"]).satisfied


def test_at_least_so_many_are_no_more_than_there_are() -> None:
    hours = [f"2026-03-29T{hour:02}" for hour in range(24) if hour != 2]
    mapping = parse("day of hour in Europe/Berlin, at least 24")
    assert progress_of(mapping, "2026-03-29", hours).satisfied
    assert not progress_of(mapping, "2026-03-29", hours[1:]).satisfied
    but = parse("day of hour in Europe/Berlin, all but 2")
    assert progress_of(but, "2026-03-29", hours[2:]).satisfied
    assert not progress_of(but, "2026-03-29", hours[3:]).satisfied


def test_the_same_hour_under_two_names_is_one_part() -> None:
    mapping = parse("day of hour, at least 2")
    same = ["2026-11-23T05", "2026-11-23-05:00", "2026-11-23T06:00:00+01:00"]
    assert progress_of(mapping, "2026-11-23", same).there == ("2026-11-23T05",)
    assert progress_of(mapping, "2026-11-23", [*same, "2026-11-23T06"]).satisfied


def test_without_a_rollup_any_part_is_enough() -> None:
    mapping = parse("day of hour")
    assert progress_of(mapping, "2026-11-23", ["2026-11-23T05"]).satisfied
    assert not progress_of(mapping, "2026-11-23", ["2026-11-24T05"]).satisfied


def test_what_counts_for_nothing_says_why() -> None:
    told = mapped(parse("day of hour"), "main", NOW)
    assert (told.targets, told.note) == ((), "'main' is no time")
    told = mapped(parse("map: de -> eu"), "us", NOW)
    assert (told.targets, told.note) == ((), "'us' is not in the map")
    told = mapped(parse("dimensions date|region: date; region"), "2026-11-23", NOW)
    assert (told.targets, told.note) == ((), "'2026-11-23' is no key of date|region")
    assert not progress_of(parse("day of hour, all"), "main", []).satisfied


def test_a_map_is_walked_both_ways() -> None:
    mapping = parse("map: de -> eu, fr -> eu, us -> americas + world, all")
    assert targets_of(mapping, "us", NOW) == ("americas", "world")
    assert sources_of(mapping, "eu") == ("de", "fr")
    assert sources_of(mapping, "asia") == ()
    assert progress_of(mapping, "eu", ["de"]).missing == ("fr",)


def test_what_nobody_can_know_all_of_is_counted() -> None:
    mapping = parse("fixed: main, at least 2")
    assert sources_of(mapping, "main") is None
    assert sources_of(mapping, "other") == ()
    assert not progress_of(mapping, "main", ["a", "a"]).satisfied
    assert progress_of(mapping, "main", ["a", "b"]).satisfied


def test_an_update_may_be_stamped_with_its_time() -> None:
    mapping = parse("day of update in Pacific/Auckland")
    assert targets_of(mapping, "", NOW) == ("2026-12-01",)


def test_each_dimension_is_mapped_by_itself() -> None:
    mapping = parse("dimensions date|region: day = date by day of hour; region, all")
    named = "date=2026-11-23T05/region=eu"
    assert targets_of(mapping, "2026-11-23-05:00|eu", NOW) == ("2026-11-23|eu",)
    assert targets_of(mapping, named, NOW) == ("2026-11-23|eu",)
    wanted = sources_of(mapping, "2026-11-23|eu") or ()
    assert (len(wanted), wanted[5]) == (24, "2026-11-23T05|eu")
    assert progress_of(mapping, "2026-11-23|eu", [named]).there == ("2026-11-23T05|eu",)


def test_dimensions_may_be_left_out_added_and_told_apart() -> None:
    dropped = parse("dimensions date|region: date")
    assert targets_of(dropped, "2026-11-23|eu", NOW) == ("2026-11-23",)
    assert sources_of(dropped, "2026-11-23") is None
    added = parse("dimensions date: date; tier = fixed: gold")
    assert targets_of(added, "2026-11-23", NOW) == ("2026-11-23|gold",)
    assert sources_of(added, "2026-11-23|gold") == ("2026-11-23",)
    assert sources_of(added, "2026-11-23|silver") == ()
    both = parse("dimensions date: date; week = date by week of day")
    assert targets_of(both, "2026-11-23", NOW) == ("2026-11-23|2026-W48",)
    assert sources_of(both, "2026-11-23|2026-W48") == ("2026-11-23",)
    assert sources_of(both, "2026-11-23|2026-W47") == ()


def test_no_partition_counts_for_too_many() -> None:
    mapping = parse("dimensions a|b: a = hours of year; b = hours of month")
    told = mapped(mapping, "2026|2026-11", NOW)
    assert (told.targets, told.note) == (
        (),
        "'2026|2026-11' counts for more than 10,000 partitions",
    )
