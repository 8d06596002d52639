"""A mistake in a condition's text is told with its place, and what was expected there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.triggers.conditions import Condition, TextError, parse, to_text
from tests.support.conditions import CONDITIONS

NODE = "a dataset (namespace/name), all(...), any(...) or a number and of (...)"
LENGTH = "a length of time, such as 6h"
DEEP = "all(" * 21 + "db/a" + ")" * 21
MANY = f"all({', '.join(['db/a'] * 501)})"


@pytest.mark.parametrize(
    ("text", "column", "expected", "found"),
    [
        ("", 1, NODE, "the end"),
        ("   ", 1, NODE, "the end"),
        ("orders", 1, NODE, "'orders'. A dataset is written namespace/name."),
        ("postgres://shop", 1, NODE, "'postgres://shop'"),
        ("not db/a", 1, NODE, "'not'"),
        ("(db/a)", 1, NODE, "'('"),
        ("all", 1, NODE, "'all'"),
        ("all(", 5, NODE, "the end"),
        ("all()", 5, NODE, "')'"),
        ("all(db/a,)", 10, NODE, "')'"),
        ("/a", 1, "a namespace and a name", "'/a'"),
        ("db/", 1, "a namespace and a name", "'db/'"),
        ('"db"', 1, NODE, "'db'"),
        ('"db/a', 1, 'a quote that ends with "', "'\"db/a'"),
        (r'"a\q"/b', 1, "a quoted text", r"Write \" for a quote"),
        ("all(db/a", 9, "`,`, `)`", "the end"),
        ("all(db/a db/b)", 10, "`,`, `)`", "'db/b'"),
        ("all(db/a whre rows > 1)", 10, "`,`, `)`", "'whre'. Did you mean `where`?"),
        ("all(db/a debounce 5m)", 10, "`,`, `)`", "belongs to the end of the whole condition"),
        ("all(db/a, db/b))", 16, "within, in, gate, debounce", "')'"),
        ("db/a and db/b", 6, "where, in, gate, debounce", "written all(a/b, c/d)."),
        ("db/a or db/b", 6, "or the end", "written any(a/b, c/d)."),
        ("db/a, db/b", 5, "or the end", "written all(a/b, c/d)."),
        ("db/a debunce 5m", 6, "or the end", "Did you mean `debounce`?"),
        ("all(db/a) where rows > 1", 11, "within, in, gate", "`where` follows a dataset"),
        ("db/a where", 11, "a metric, such as rows, or one of partition, tag", "the end"),
        ("db/a where rows", 16, ">=, >, <=, <, =", "rows is taken for a metric."),
        ("db/a where rows >", 18, "a number, or a metric", "the end"),
        ("db/a where rows => 1", 18, "a number, or a metric", "'>'"),
        ("db/a where rows > many", 23, "`of`", "many is taken for a metric of another"),
        ("db/a where rows > 1 and", 24, "a metric", "the end"),
        ("db/a where rows > 1e999", 24, "`of`", "the end"),
        ("db/a where team shop", 17, "`is`", "'shop'"),
        ("db/a where team = shop", 17, "`is`", "'='"),
        ("db/a where team is", 19, "a pattern", "the end"),
        ("db/a where team is a and team is b", 26, "`team` once", "'team'"),
        ("ml/x where a > a of", 20, "another dataset", "the end"),
        ("ml/x where a > a of prod", 21, "another dataset", "'prod'"),
        ("ml/x where a > a of ml/x", 21, "another dataset than the one", "'ml/x'"),
        ("ml/x where a > a of ml/y or no", 29, "a number", "'no'"),
        ("db/a within 6h", 6, "`where`, `in the last`", "of one dataset write `in the last 6h`"),
        ("all(db/a) within", 17, LENGTH, "the end"),
        ("all(db/a) within 6", 18, LENGTH, "'6'"),
        ("all(db/a) within six hours", 18, LENGTH, "'six'"),
        ("all(db/a) within 5m1h", 18, LENGTH, "'5m1h'"),
        ("all(db/a) within 0s", 18, "above zero and at most 366 days", "'0s'"),
        ("all(db/a) within 367d", 18, "above zero and at most 366 days", "'367d'"),
        ("all(db/a) within 1h within 2h", 21, "`within` once", "'within'"),
        ("db/a in last 6h", 9, "`the`", "'last'"),
        ("db/a in the last", 17, LENGTH, "the end"),
        ("db/a gate", 10, "`(`", "the end"),
        ("db/a gate()", 11, "checks passed, no open incident or fresh", "')'"),
        ("db/a gate(checks pass)", 18, "`passed`", "'pass'"),
        ("db/a gate(no incident)", 14, "`open`", "'incident'"),
        ("db/a gate(fresh 2h)", 17, "`within`", "'2h'"),
        ("db/a gate(checks passed", 24, "`,` or `)`", "the end"),
        ("3 of (db/a, db/b)", 1, "a number from 1 to 2", "'3'"),
        ("0 of (db/a)", 1, "a number from 1 to 1", "'0'"),
        ("2 (db/a)", 3, "`of`", "'('"),
        ("2 of db/a", 6, "`(`", "'db/a'"),
        ("2.5 of (db/a)", 1, NODE, "'2.5'"),
        ("db/a debounce", 14, LENGTH, "the end"),
        ("db/a debounce 5m debounce 6m", 18, "`debounce` once", "'debounce'"),
        ("db/a by 7", 9, "a time of day, such as 07:00", "'7'"),
        ("db/a by 24:00", 9, "a time of day", "'24:00'"),
        ("db/a by 07:00 Berlin", 15, "a time zone, such as Europe/Berlin", "'Berlin'"),
        ("db/a by 07:00 UTC UTC", 19, "debounce, by, at, cron or the end", "'UTC'"),
        ("db/a at 07:00", 9, "`most`", "'07:00'"),
        ("db/a at most 2h", 16, "`after`", "the end"),
        ("db/a cron 0 7 * * *", 11, "one cron expression", "'0'"),
        ('db/a cron "at 7"', 11, "one cron expression", "'at 7'"),
        ('db/a cron "@daily" Mars', 20, "a time zone", "'Mars'"),
        ('db/a cron "@daily" debounce 5m', 6, "no debounce, by or at most", "'cron'"),
        ('db/a by 07:00 cron "@daily"', 6, "no debounce, by or at most", "'by'"),
        (DEEP, 81, "at most 20 levels of nesting", "'all'"),
        (MANY, 3005, "at most 500 datasets", "'db/a'"),
        ("9" * 5000 + " of (db/a)", 1, NODE, "'9999"),
        ("x" * 100_001, 1, "at most 100000", "100001 characters"),
    ],
)
def test_a_mistake_is_told_with_its_column(
    text: str, column: int, expected: str, found: str
) -> None:
    with pytest.raises(TextError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (1, column)
    assert caught.value.path == f"column {column}"
    assert expected in caught.value.expected
    assert found in str(caught.value)


def test_in_several_lines_the_line_is_told_too() -> None:
    with pytest.raises(TextError, match=r"^line 3, column 8: expected `,`, `\)`") as caught:
        parse("all(\n  db/a,\n  db/b wher rows > 1\n)")
    assert (caught.value.line, caught.value.column) == (3, 8)


@settings(max_examples=300)
@given(
    CONDITIONS, st.integers(0, 10**6), st.sampled_from(['"', "(", ")", ",", " ", "x", "<", "\\"])
)
def test_a_slip_of_the_pen_is_read_or_refused_but_never_breaks(
    condition: Condition, place: int, slip: str
) -> None:
    text = to_text(condition)
    place %= len(text) + 1
    for changed in (text[:place] + slip + text[place:], text[:place] + text[place + 1 :]):
        read = read_or_column(changed)
        if isinstance(read, Condition):
            assert parse(to_text(read)) == read
        else:
            assert 1 <= read <= len(changed) + 1


def read_or_column(text: str) -> Condition | int:
    try:
        return parse(text)
    except TextError as error:
        return error.column
