"""When a digest is sent, who can show one, and what is wrong with one that can't be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerting.declared import DeclaredDigest
from alerting.digest import digest_of, first_due, next_due, period_of
from alerting.plan import Digest, Plan
from hub.errors import ConfigError
from hub.model import Resolution
from hub.ports import About, Happening, Period, WhoIsHit
from tests.support.telling import plan

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)  # a Wednesday
MAIL = {"name": "mail", "kind": "digest-recorder"}


def told(**given: Any) -> DeclaredDigest:
    return DeclaredDigest.model_validate({"at": "08:00"} | given)


@pytest.mark.parametrize(
    ("given", "before", "after"),
    [
        ({}, "2026-11-25T08:00", "2026-11-26T08:00"),
        ({"at": "10:00"}, "2026-11-25T10:00", "2026-11-26T10:00"),
        ({"days": ["mon"]}, "2026-11-23T08:00", "2026-11-30T08:00"),
        ({"days": ["wed"]}, "2026-11-25T08:00", "2026-12-02T08:00"),
        ({"timezone": "Europe/Berlin"}, "2026-11-25T07:00", "2026-11-26T07:00"),
        ({"timezone": "Pacific/Auckland", "at": "23:30"}, "2026-11-24T10:30", "2026-11-25T10:30"),
    ],
)
def test_it_is_due_at_its_time_of_day_in_its_time_zone(
    given: dict[str, Any], before: str, after: str
) -> None:
    one = told(**given)
    assert one.before(NOW) == datetime.fromisoformat(before).replace(tzinfo=UTC)
    assert one.after(NOW) == datetime.fromisoformat(after).replace(tzinfo=UTC)


def test_a_day_that_has_no_such_hour_has_a_digest_all_the_same() -> None:
    one = told(at="02:30", timezone="Europe/Berlin")
    night = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert one.after(night) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert one.after(one.after(night)) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_no_period_is_told_twice_and_none_is_left_out() -> None:
    one = Digest("team sales", ("mail",), told(), team="sales")
    due, seen = first_due(one, NOW), []
    for now in (
        NOW + timedelta(days=1),
        NOW + timedelta(days=1, hours=12),
        NOW + timedelta(days=4),
    ):
        if due.due_at > now:
            continue
        after = next_due(one, due, now)
        seen.append(period_of(due, after))
        due = after
    assert seen[0][0] == first_due(one, NOW).since
    assert [begin for begin, _ in seen[1:]] == [end for _, end in seen[:-1]]


def test_of_more_than_eight_days_ago_nothing_is_told() -> None:
    one = Digest("team sales", ("mail",), told(), team="sales")
    due = first_due(one, NOW)
    begin, end = period_of(due, next_due(one, due, NOW + timedelta(days=30)))
    assert end - begin == timedelta(days=8)


@pytest.mark.parametrize(
    ("digest", "wrong"),
    [
        ({"at": "25:00"}, "at"),
        ({"at": "08:00+01:00"}, "without an offset"),
        ({"at": "08:00", "timezone": "Mars"}, "expected a time zone such as Europe/Berlin"),
        ({"at": "08:00", "days": []}, "days"),
        ({"at": "08:00", "when": "now"}, "when: no such setting"),
        ({"at": "08:00", "to": "nobody"}, "there is no target 'nobody'; declared: chat, mail"),
        ({"at": "08:00", "to": "chat"}, "'chat' (keyed-recorder) can show incidents only"),
        ({"at": "08:00"}, "has no target that can show it"),
    ],
)
def test_what_is_wrong_is_told(digest: dict[str, Any], wrong: str) -> None:
    targets = [{"name": "chat", "kind": "keyed-recorder"}, MAIL]
    with pytest.raises(ConfigError) as error:
        plan(targets=targets, teams={"sales": ["chat"]}, digests={"sales": digest})
    assert wrong in str(error.value)


def test_of_a_teams_targets_those_hear_that_call_nobody() -> None:
    targets = [{"name": "chat", "kind": "keyed-recorder"}, MAIL]
    made = plan(
        targets=targets, teams={"sales": ["chat", "mail"]}, digests={"sales": {"at": "08:00"}}
    )
    assert [one.targets for one in made.digests] == [("mail",)]


def test_what_is_predicted_is_told_in_the_time_zone_of_the_team() -> None:
    one = Digest("team sales", ("mail",), told(timezone="Europe/Berlin"), team="sales")
    hit = [WhoIsHit("mart.sales", breach_at=NOW + timedelta(hours=2), probability=0.9),
           WhoIsHit("mart.old", breach_at=NOW - timedelta(hours=2))]  # fmt: skip
    open_now = happening(1, resolved_at=None, breaches=hit)
    message = digest_of(one, Period(NOW - timedelta(days=1), NOW, [open_now]), Plan(), None)
    assert message is not None
    blocks = {block.label: list(block.lines) for block in message.blocks}
    assert blocks["Predicted to be late"] == ["mart.sales at Wed 25 Nov 13:00 CET (90% likely)"]


def test_many_are_counted_and_the_worst_are_named() -> None:
    one = Digest("team sales", ("mail",), told(), team="sales")
    many = [happening(n, resolved_at=None) for n in range(500)]
    message = digest_of(one, Period(NOW - timedelta(days=1), NOW, many, more=True), Plan(), None)
    assert message is not None
    blocks = {block.label: list(block.lines) for block in message.blocks}
    assert len(blocks["Still open"]) == 11
    assert blocks["Still open"][-1] == "and 490 more"
    assert "at least" in blocks["Not all"][0]


def happening(number: int, **given: Any) -> Happening:
    usual: dict[str, Any] = {
        "id": number,
        "about": About(rule="failed-run", kind="failed_run", severity="error", team="sales"),
        "reason": f"run {number} failed",
        "opened_at": NOW - timedelta(hours=1),
        "resolved_at": NOW,
        "resolution": Resolution.HEALED,
        "told": True,
        "acknowledged": False,
    }
    return Happening(**(usual | given))
