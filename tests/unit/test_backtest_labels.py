"""How far rules agree with what people said, and how two rule books differ."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from hub.backtest.calibration import calibration
from hub.backtest.labels import agreement, difference, labels_of
from hub.backtest.report import report
from hub.model import EntityName
from hub.store.history import Told, Took

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Told(
    id=1, rule="overrun", kind="overrun", sort="job", subject=EntityName("prod", "load"), key="1",
    team="data", severity="warning", state="RESOLVED", reason="too long", since=START,
    opened_at=START + HOUR, resolved_at=START + 3 * HOUR, resolution="healed", caused=False,
    dry_run=False, acknowledged=False,
)  # fmt: skip


def at(hours: float, **more: object) -> Told:
    moved = {
        name: getattr(ONE, name) + hours * HOUR for name in ("since", "opened_at", "resolved_at")
    }
    return replace(ONE, **moved | more)


def test_what_was_acknowledged_is_real_and_what_was_expected_is_not() -> None:
    told = [
        at(0, acknowledged=True),
        at(10, resolution="expected"),
        at(20, resolution="retracted"),
        at(30, acknowledged=True, resolution="new_normal"),
        at(40),
    ]
    assert [label.real for label in labels_of(told)] == [True, False, False, False]


def test_precision_counts_incidents_with_a_label_and_recall_real_labels() -> None:
    labels = labels_of(
        [at(0, acknowledged=True), at(10, acknowledged=True), at(20, resolution="expected")]
    )
    told = [at(0.5), at(20.5), at(50)]
    found = agreement(told, labels)
    assert (found.labelled, found.precision) == (2, 0.5)
    assert (found.real, found.recall) == (2, 0.5)


def test_another_kind_or_subject_is_another_incident() -> None:
    labels = labels_of([at(0, acknowledged=True)])
    other = [at(0, kind="stuck"), at(0, subject=EntityName("prod", "other"))]
    assert agreement(other, labels).recall == 0
    assert agreement(other, labels).precision is None


def test_each_incident_has_one_partner_in_the_other_rule_book() -> None:
    current, other = [at(0), at(100)], [at(0.1), at(0.2), at(200)]
    found = difference(current, other)
    assert [(a.since, b.since) for a, b in found.both] == [(at(0).since, at(0.1).since)]
    assert [one.since for one in found.only_current] == [at(100).since]
    assert [one.since for one in found.only_other] == [at(0.2).since, at(200).since]


def test_a_report_counts_by_week_and_team_what_somebody_is_told_of() -> None:
    told = [at(0), at(24, team=None), at(48, caused=True), at(-24), at(72, dry_run=True)]
    found = report(
        told, [], since=START, until=START + timedelta(weeks=2), events=9, calibration=None
    )
    assert (found.incidents, found.per_week) == (2, 1.0)
    assert [(team.team, team.incidents) for team in found.teams] == [("data", 1), (None, 1)]
    (rule,) = found.rules
    assert (rule.incidents, rule.caused, rule.delay_s, rule.ahead_s) == (4, 1, 3600, 7200)


def took(job: int, day: int, seconds: float) -> Took:
    when = START + timedelta(days=day)
    return Took(job, when, when, seconds)


def test_predictions_of_runs_that_vary_by_chance_come_true() -> None:
    chance = random.Random(3)
    runs = [took(job, day, chance.lognormvariate(6, 0.3)) for job in (1, 2) for day in range(120)]
    found = calibration(runs)
    assert found is not None
    assert found.predictions > 1000
    assert found.brier < found.reference
    assert sum(one.count for one in found.bins) == found.predictions
    assert all(abs(one.predicted - one.observed) < 0.15 for one in found.bins)


def test_of_few_runs_nothing_is_predicted() -> None:
    assert calibration([took(1, day, 600) for day in range(8)]) is None
