"""The text of a mapping is read as it is written, and what is wrong with it is said."""

from typing import Any
from zoneinfo import available_timezones

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.schedules.periods import Every
from hub.schedules.stretches import ORDER, Cut
from hub.triggers.partitions import (
    Dimension,
    Dimensions,
    FanOut,
    Fixed,
    Identity,
    Mapping_,
    Rollup,
    Stamp,
    Static,
    TimeWindow,
    check,
    from_json,
    parse,
    to_json,
    to_text,
)

zones = st.sampled_from(["UTC", "Europe/Berlin", *sorted(available_timezones())[::40]])
names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
values = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["a b", "->", "+", ",", '"', "all", ";"]
)


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    every = draw(st.sampled_from(ORDER))
    return Cut(every, draw(zones), draw(st.integers(0, 6)) if every is Every.WEEK else 0)


timed = st.builds(TimeWindow, cuts(), cuts()) | st.builds(FanOut, cuts(), cuts())
static = st.builds(
    Static,
    st.dictionaries(values, st.lists(values, min_size=1, max_size=3).map(tuple), min_size=1),
)
simple = st.just(Identity()) | timed | st.builds(Stamp, cuts()) | st.builds(Fixed, values) | static


@st.composite
def dimensions(draw: st.DrawFn) -> Dimensions:
    source = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    targets = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    to = [Dimension(one, draw(simple), _of(one, draw(st.sampled_from(source)))) for one in targets]
    return Dimensions(tuple(source), tuple(to))


def _of(name: str, source: str) -> str | None:
    return None if name == source else source


inner = simple | dimensions()
rollups = st.builds(Rollup, inner, st.integers(1, 99)) | st.builds(
    Rollup, inner, st.none(), st.integers(0, 99)
)


def possible(mapping: Mapping_) -> bool:
    try:
        check(mapping)
    except ValueError:
        return False
    return True


@settings(max_examples=300)
@given((inner | rollups).filter(possible))
def test_what_is_written_is_read_again(mapping: Mapping_) -> None:
    assert parse(to_text(mapping)) == mapping
    assert from_json(to_json(mapping)) == mapping
    assert from_json(msgspec.json.decode(msgspec.json.encode(to_json(mapping)))) == mapping


@pytest.mark.parametrize(
    "text",
    [
        "identity",
        "day of hour in Europe/Berlin, all",
        "day of hour, at least 20",
        "week from Sunday of day, all but 1",
        "month in America/New_York of hour in UTC",
        "hours of day",
        "day of update in Europe/Berlin",
        "fixed: main",
        'fixed: "main branch"',
        "map: de -> eu, fr -> eu, us -> americas + world, all",
        "dimensions date|region: day = date by day of hour; region; tier = fixed: gold",
    ],
)
def test_people_and_the_hub_write_alike(text: str) -> None:
    assert to_text(parse(text)) == text


def test_a_zone_that_is_told_once_holds_for_both() -> None:
    berlin = TimeWindow(Cut(Every.DAY, "Europe/Berlin"), Cut(Every.HOUR, "Europe/Berlin"))
    assert parse("day in Europe/Berlin of hour") == berlin
    assert parse("  day  of hour in Europe/Berlin ") == berlin


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no mapping of partitions. Such are: identity;"),
        ("dya of hour", "'dya' in 'dya of hour': one of hour, day, week, month, quarter, year"),
        ("hour of day", "hours are shorter than days: say `hours of day`"),
        ("days of hour", "days are not shorter than hours: say `day of hour`"),
        ("day of hour in Europe/Berln", "'Europe/Berln' is no time zone"),
        ("day from Monday of hour", "a week from a weekday is expected"),
        ("week from Mondy of hour", "a week from a weekday is expected"),
        ("week of update from Sunday", "`week of update in a time zone` is expected"),
        ("fixed: a, all", "nobody knows which partitions these all are: say `at least N`"),
        ("dimensions a|b: a, all", "nobody knows which partitions these all are"),
        ("day of hour, at least 0", "at least 0: 1 or more is expected"),
        ("fixed: a b", 'one value is expected, in "quotes"'),
        ("fixed:", "one value is expected"),
        ('fixed: "x', "a quote that is not closed"),
        ('fixed: "\\x"', "is no JSON string"),
        ("map: a -> b, a -> c", "'a' stands twice in the map"),
        ("map: a", "'a' in the map: such as `de -> eu` is expected"),
        ("dimensions a|a: a", "the dimensions 'a|a' are none, or the same twice"),
        ("dimensions a|b: c", "'c' is no dimension of the source; there are: a, b"),
        ("dimensions a-b: c", "'a-b' is no name of a dimension"),
        ("dimensions a|b: a of b = c", "is no dimension; such as `region`"),
        ("dimensions a:", "the dimensions '' are none"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError) as error:
        parse(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"kind": "window"}, "required field `to`"),
        ({"kind": "shift"}, "Invalid value 'shift' - at `$.kind`"),
        (
            {"kind": "stamp", "to": {"every": "day", "timezone": "X"}},
            "'X' is no time zone - at `$.to`",
        ),
        ({"kind": "static", "map": {}}, "the map is empty"),
        ({"kind": "rollup", "of": {"kind": "identity"}, "allBut": -1}, "all but -1"),
        ("identity", "Expected `object`"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(document: Any, said: str) -> None:
    with pytest.raises(ValueError) as error:
        from_json(document)
    assert said in str(error.value)
