"""What a backtest of one rule shows of a history: week by week, by labels, against the rule as it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from hub.backtest.of_rule import RuleBacktest, Wanted, figures, is_same, seen_past
from hub.backtest.run import Past, Replayed
from hub.model import EntityName, Viewer
from hub.store.closed import Closed
from hub.store.history import Told

END = datetime(2026, 11, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = ("overrun", "overrun")
ONE = Told(
    id=1, rule="overrun", kind="overrun", sort="job", subject=EntityName("prod", "load"), key="1",
    team="data", severity="warning", state="RESOLVED", reason="too long", since=END,
    opened_at=END, resolved_at=END, resolution="healed", caused=False, dry_run=False,
    acknowledged=False,
)  # fmt: skip


def ago(days: float, **more: object) -> Told:
    at = END - days * DAY
    return replace(ONE, **{"since": at, "opened_at": at, "resolved_at": at} | more)


def found(told: list[Told], *, before: list[Told] | None = None, said: list[Told] | None = None,
          weeks: int = 3, closed: Closed | None = None, begin: float = 100) -> RuleBacktest:  # fmt: skip
    past = Past(
        END - begin * DAY,
        END - begin * DAY,
        END,
        1000,
        said or [],
        Replayed(told, None),
        None if before is None else Replayed(before, None),
    )
    return figures(past, NAME, weeks, seen_past(closed or Closed()))


def test_weeks_are_counted_back_from_the_end_and_what_came_before_is_not() -> None:
    told = found([ago(40), ago(20), ago(10), ago(8), ago(1), ago(1, rule="stuck")])
    assert [week.incidents for week in told.weeks] == [1, 2, 1]
    assert told.tried.incidents == 4
    assert told.tried.per_week == 1.33
    assert told.since == told.weeks[0].begin


def test_a_history_of_less_than_a_week_has_one_week_that_is_short() -> None:
    told = found([ago(1)], begin=2)
    assert [(week.begin, week.incidents) for week in told.weeks] == [(END - 2 * DAY, 1)]


def test_incidents_of_a_week_are_told_apart_by_their_labels() -> None:
    said = [ago(1, acknowledged=True), ago(2, resolution="expected")]
    told = found([ago(1), ago(2), ago(3)], said=said)
    assert (told.weeks[-1].incidents, told.weeks[-1].real, told.weeks[-1].not_real) == (3, 1, 1)
    assert told.tried.agreement.precision == 0.5
    assert told.tried.agreement.recall == 1.0


def test_what_is_tried_is_held_against_the_rule_as_it_stands() -> None:
    told = found([ago(1), ago(9)], before=[ago(1), ago(2), ago(16)])
    assert [(week.both, week.new, week.gone) for week in told.weeks] == [
        (0, 0, 1),
        (0, 1, 0),
        (1, 0, 1),
    ]
    assert told.current is not None
    assert told.current.incidents == 3
    assert told.changes is not None
    assert (told.changes.both, told.changes.only_other, told.changes.only_current) == (1, 1, 2)


def test_a_rule_as_it_stands_has_no_difference() -> None:
    told = found([ago(1)])
    assert (told.current, told.changes) == (None, None)
    assert told.weeks[-1].both == 1


def test_what_a_viewer_may_not_see_is_in_no_figure() -> None:
    hush = EntityName("prod", "hush")
    hidden = [ago(1, team="hush-team"), ago(2, subject=hush, team=None, acknowledged=True)]
    closed = Closed(frozenset({"hush-team"}), (hush,))
    told = found([*hidden, ago(3)], before=[*hidden], said=hidden, closed=closed)
    assert told.tried.incidents == 1
    assert told.tried.agreement.real == 0
    assert told.changes is not None
    assert (told.changes.only_other, told.changes.only_current) == (1, 0)


def changed(**settings: object) -> bool:
    """Whether failed-run, set like that, is another rule."""
    told = {"settings": settings}
    books = Wanted("failed-run", 4, Viewer(all=True), [], [], told, 60).books()
    current, tried = (book.rules["failed-run"] for book in books)
    return not is_same(current, tried)


def test_a_setting_that_says_what_is_so_anyway_is_no_difference() -> None:
    assert not changed(in_a_row=1)
    assert changed(in_a_row=2)
