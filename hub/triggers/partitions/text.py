"""The readable text of a mapping, and back.

identity
day of hour in Europe/Berlin                    an hour counts for its day
day of hour in Europe/Berlin, all               ... which waits for all of its hours
week from Sunday of day, at least 5             or for five of its days
month in America/New_York of hour in UTC, all but 2
hours of day                                    a day counts for each of its hours
day of update                                   the day on which it was updated
fixed: main
map: de -> eu, fr -> eu, us -> americas + all
dimensions date|region: day = date by day of hour; region; tier = fixed: gold
"""

from __future__ import annotations

import re
from typing import Final

from hub.schedules.periods import Every
from hub.schedules.stretches import WEEKDAYS, Cut
from hub.triggers.partitions.dimensions import BETWEEN, Dimension, Dimensions
from hub.triggers.partitions.rollup import Mapping_, Rollup, check
from hub.triggers.partitions.simple import (
    FanOut,
    Fixed,
    Identity,
    Simple,
    Stamp,
    Static,
    TimeWindow,
)
from hub.triggers.partitions.words import quoted, split_at, value_of

#: What a mapping may look like, for those whose text is none.
EXAMPLES: Final = (
    "identity; day of hour in Europe/Berlin, all; hours of day; day of update; fixed: main;"
    " map: de -> eu, us -> americas; dimensions date|region: date = day of hour; region"
)
_UPDATE: Final = "update"
_WANT = re.compile(
    r"(?P<of>.*\S)\s*,\s*(?P<want>all but (?P<but>\d+)|all|at least (?P<least>\d+))\s*", re.DOTALL
)
_CUT = r"(?P<{0}>[a-z]+)(?:\s+from\s+(?P<{0}_from>[A-Za-z]+))?(?:\s+in\s+(?P<{0}_in>\S+))?"
_TIME = re.compile(rf"{_CUT.format('to')}\s+of\s+{_CUT.format('source')}")
_DIMENSIONS = re.compile(r"dimensions\s+(?P<source>[^\s:]+)\s*:(?P<to>.*)", re.DOTALL)
_DIMENSION = re.compile(
    r"(?P<name>\w+)(?:\s*=\s*(?:(?P<source>\w+)\s+by\s+)?(?P<by>.+))?", re.DOTALL
)
_UNITS: Final = {one.value: one for one in Every}
_PLURALS: Final = {f"{one}s": one for one in Every}
_DAYS: Final = {day.lower(): n for n, day in enumerate(WEEKDAYS)}


def parse(text: str) -> Mapping_:
    """The mapping that the text is of. ValueError says what is wrong with it."""
    found = _WANT.fullmatch(text)
    mapping: Mapping_ = _parts(text.strip()) if found is None else _rollup(found)
    check(mapping)
    return mapping


def to_text(mapping: Mapping_) -> str:
    """`parse` of it gives the mapping back."""
    match mapping:
        case Rollup(of, at_least, all_but):
            want = (
                f"at least {at_least}" if at_least else f"all but {all_but}" if all_but else "all"
            )
            return f"{to_text(of)}, {want}"
        case Dimensions(source, to):
            return f"dimensions {BETWEEN.join(source)}: {'; '.join(map(_dimension_text, to))}"
        case _:
            return _simple_text(mapping)


# -- reading ---------------------------------------------------------------------------------------


def _rollup(found: re.Match[str]) -> Rollup:
    least, but = found["least"], found["but"]
    return Rollup(_parts(found["of"].strip()), int(least) if least else None, int(but or 0))


def _parts(text: str) -> Simple | Dimensions:
    found = _DIMENSIONS.fullmatch(text)
    if found is None:
        return _simple(text)
    source = tuple(found["source"].split(BETWEEN))
    told = [_dimension(one, source) for one in split_at(found["to"], ";") if one]
    return Dimensions(source, tuple(told))


def _dimension(text: str, source: tuple[str, ...]) -> Dimension:
    found = _DIMENSION.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no dimension; such as `region` or `day = date by day of hour`"
        )
    name, of, by = found["name"], found["source"], found["by"]
    if by is None:
        return Dimension(name, Identity())
    if of is None and by in source:
        of, by = by, "identity"
    return Dimension(name, _simple(by), None if of == name else of)


def _simple(text: str) -> Simple:
    kind, colon, rest = text.partition(":")
    match kind.strip(), colon:
        case "identity", "":
            return Identity()
        case "fixed", ":":
            return Fixed(value_of(rest))
        case "map", ":":
            return _static(rest)
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no mapping of partitions. Such are: {EXAMPLES}")
    return _stamp(found) if found["source"] == _UPDATE else _timed(found)


def _timed(found: re.Match[str]) -> TimeWindow | FanOut:
    many = found["to"] in _PLURALS
    zones = (found["to_in"] or found["source_in"], found["source_in"] or found["to_in"])
    to = _cut(found, "to", zones[0], _PLURALS if many else _UNITS)
    source = _cut(found, "source", zones[1], _UNITS)
    return FanOut(to, source) if many else TimeWindow(to, source)


def _stamp(found: re.Match[str]) -> Stamp:
    if found["source_from"] is not None or (found["to_in"] and found["source_in"]):
        raise ValueError(f"{found[0]!r}: `{found['to']} of update in a time zone` is expected")
    return Stamp(_cut(found, "to", found["to_in"] or found["source_in"], _UNITS))


def _cut(found: re.Match[str], which: str, zone: str | None, units: dict[str, Every]) -> Cut:
    every, day = units.get(found[which]), found[f"{which}_from"]
    if every is None:
        raise ValueError(f"{found[which]!r} in {found[0]!r}: one of {', '.join(units)} is expected")
    start = 0 if day is None else _DAYS.get(day.lower())
    if start is None or (day is not None and every is not Every.WEEK):
        raise ValueError(f"`from {day}` in {found[0]!r}: a week from a weekday is expected")
    return Cut(every, zone or "UTC", start)


def _static(text: str) -> Static:
    pairs: dict[str, tuple[str, ...]] = {}
    for pair in split_at(text, ","):
        sides = split_at(pair, "->")
        if len(sides) != 2:
            raise ValueError(f"{pair!r} in the map: such as `de -> eu` is expected")
        source = value_of(sides[0])
        if source in pairs:
            raise ValueError(f"{source!r} stands twice in the map: say `{source} -> a + b`")
        pairs[source] = tuple(value_of(one) for one in split_at(sides[1], "+"))
    return Static(pairs)


# -- writing ---------------------------------------------------------------------------------------


def _dimension_text(one: Dimension) -> str:
    if isinstance(one.by, Identity):
        return one.name if one.source is None else f"{one.name} = {one.source}"
    of = "" if one.source is None else f"{one.source} by "
    return f"{one.name} = {of}{_simple_text(one.by)}"


def _simple_text(mapping: Simple) -> str:
    match mapping:
        case Identity():
            return "identity"
        case Fixed(key):
            return f"fixed: {quoted(key)}"
        case Static(pairs):
            return f"map: {', '.join(_pair_text(*pair) for pair in pairs.items())}"
        case Stamp(to):
            return f"{_cut_text(to)} of update{_zone_text(to)}"
        case TimeWindow(to, source):
            return _timed_text(to, "", source)
        case FanOut(to, source):
            return _timed_text(to, "s", source)


def _timed_text(to: Cut, plural: str, source: Cut) -> str:
    if to.timezone == source.timezone:
        return f"{_cut_text(to, plural)} of {_cut_text(source)}{_zone_text(to)}"
    return f"{_cut_text(to, plural)} in {to.timezone} of {_cut_text(source)} in {source.timezone}"


def _cut_text(cut: Cut, plural: str = "") -> str:
    start = f" from {WEEKDAYS[cut.week_start]}" if cut.week_start else ""
    return f"{cut.every}{plural}{start}"


def _zone_text(cut: Cut) -> str:
    return "" if cut.timezone == "UTC" else f" in {cut.timezone}"


def _pair_text(source: str, targets: tuple[str, ...]) -> str:
    return f"{quoted(source)} -> {' + '.join(map(quoted, targets))}"
