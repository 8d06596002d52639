"""Times, lengths and amounts as a page says them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.web import words

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (0, "0 s"),
        (0.25, "0.2 s"),
        (9.96, "10.0 s"),
        (42, "42 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7800, "2 h 10 min"),
        (86400 * 5 + 7200, "5 d 2 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_length_is_told_by_its_two_largest_units(seconds: float | None, told: str) -> None:
    assert words.length(seconds) == told


@pytest.mark.parametrize(
    ("ahead", "told"),
    [(-5, "5 s ago"), (-3599, "59 min ago"), (-86400 * 3, "3 d ago"), (7300, "in 2 h"), (0, "now")],
)
def test_a_moment_is_told_by_how_far_it_is(ahead: int, told: str) -> None:
    assert words.away(NOW + timedelta(seconds=ahead), NOW) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(None, ""), (12, "12 B"), (1200, "1.2 kB"), (3_456_000, "3.5 MB"), (10**18, "1000.0 PB")],
)
def test_bytes_are_told_in_their_unit(count: float | None, told: str) -> None:
    assert words.size(count) == told


def test_nouns_agree_with_their_number() -> None:
    assert words.count_of(1, "job") == "1 job"
    assert words.count_of(2300, "job") == "2,300 jobs"
    assert words.count_of(0, "job") == "no jobs"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("limitS", 90, ("limit", "1 min 30 s")),
        ("maxLagS", 14400.0, ("max lag", "4 h")),
        ("startedAt", "2026-11-23T12:00:00+00:00", ("started", "2026-11-23 12:00:00 UTC")),
        ("at", "2026-11-23T12:00:00+00:00", ("at", "2026-11-23 12:00:00 UTC")),
        ("since", "the beginning", ("since", "the beginning")),
        ("removed", ["a", "b"], ("removed", "a, b")),
        ("retyped", {"id": "TEXT"}, ("retyped", "id: TEXT")),
        ("learned", True, ("learned", "yes")),
        ("ratio", 1.4142, ("ratio", "1.41")),
        ("rows", 12345, ("rows", "12,345")),
    ],
)
def test_evidence_is_said_as_people_read_it(
    name: str, value: object, said: tuple[str, str]
) -> None:
    assert words.told(name, value) == said
