"""How long failures are waited out, and when a target counts as down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerting.pacing import BREAKS_AT, Bucket, failure_of, ill, pause_s, well
from hub.errors import Unavailable
from hub.ports import Delivery, Health, Leased, Message, Standing

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
HEALTH = Health(name="chat")


def leased(standing: Standing = Standing.OPEN, *, days: float = 0, attempts: int = 1) -> Leased:
    message = Message(
        title="t", severity="error", kind="k", rule="r", subject="s", since=NOW, opened_at=NOW
    )
    return Leased(
        id=1,
        token="t",
        notification=1,
        target="chat",
        delivery=Delivery("k", 1, standing, message),
        held={},
        attempts=attempts,
        failing_since=NOW - timedelta(days=days),
        until=NOW,
    )


def test_pauses_grow_to_a_quarter_of_an_hour_and_are_spread() -> None:
    assert [pause_s(n, 0.999999) for n in (1, 2, 3)] == pytest.approx([2, 4, 8], rel=1e-4)
    assert pause_s(1, 0) == 1
    assert pause_s(1000, 0.999999) == pytest.approx(900, rel=1e-4)


def test_a_day_of_failures_ends_an_opening_and_a_week_a_resolve() -> None:
    error = Unavailable("no answer")
    assert failure_of(leased(days=1.1), error, NOW, 0).again_at is None
    resolve = leased(Standing.RESOLVED, days=1.1)
    assert failure_of(resolve, error, NOW, 0).again_at is not None
    assert failure_of(leased(Standing.RESOLVED, days=7.1), error, NOW, 0).again_at is None


def test_a_channel_is_obeyed_up_to_an_hour() -> None:
    for asked, waited in ((120, 120), (1e9, 3600)):
        found = failure_of(leased(), Unavailable("busy", retry_after_s=asked), NOW, 0)
        assert found.again_at == NOW + timedelta(seconds=waited)


def test_a_target_is_down_after_a_minute_of_failures_or_a_permanent_one() -> None:
    error = Unavailable("no answer")
    first = ill(HEALTH, error, NOW)
    assert first.down_since is None
    assert ill(first, error, NOW + timedelta(seconds=59)).down_since is None
    later = NOW + timedelta(seconds=60)
    assert ill(first, error, later).down_since == later
    assert ill(HEALTH, Unavailable("revoked", permanent=True), NOW).down_since == NOW
    assert well(ill(first, error, later), later) == Health(name="chat", delivered_at=later)


def test_after_failures_in_a_row_the_target_is_left_alone_for_ever_longer() -> None:
    health, pauses = HEALTH, []
    for _ in range(BREAKS_AT + 10):
        health = ill(health, Unavailable("no answer"), NOW)
        pauses.append((health.paused_until or NOW) - NOW)
    assert set(pauses[: BREAKS_AT - 1]) == {timedelta(0)}
    assert pauses[BREAKS_AT - 1 : BREAKS_AT + 1] == [timedelta(seconds=5), timedelta(seconds=10)]
    assert pauses[-1] == timedelta(minutes=5)


def test_a_bucket_gives_so_many_a_minute_and_a_sixth_at_once() -> None:
    now = [0.0]
    bucket = Bucket(60, lambda: now[0])
    given = 0
    for tenth in range(601):
        now[0] = tenth / 10
        while bucket.room():
            bucket.take()
            given += 1
    assert given == 10 + 60
    now[0] = -1000  # a clock that was set back
    assert bucket.room() == 0
