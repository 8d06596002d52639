"""What counts as a promise, and how late a run is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.baselines.fit import fit
from hub.baselines.samples import Sample
from hub.figures.count import lateness, tally, zeros
from hub.metrics import Metrics
from hub.model import Schedule
from hub.schedules.spans import Span
from hub.store.cursors import Change
from hub.store.happened import Happened, Moved, Ran

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOURLY = [Span(Schedule("cron", "0 * * * *"), NOON - timedelta(days=9))]


def ran(start_s: float = 0, took_s: float = 60, **more: Any) -> Ran:
    start = NOON + timedelta(seconds=start_s)
    told: dict[str, Any] = {
        "job": 1,
        "orchestrator": "af",
        "team": "data",
        "kind": "DAG",
        "whole": True,
        "natural_id": "one",
        "sort_at": start,
        "queued_at": None,
        "started_at": start,
        "ended_at": start + timedelta(seconds=took_s),
        "nominal_at": None,
    }
    return Ran(**told | more)


def counted(*changes: Change, moves: Any = (), run: Ran | None = None, **more: Any) -> Metrics:
    metrics = Metrics()
    told: dict[str, Any] = {"teams": {}, "baselines": {}, "spans": {}, "places": {}, "step": None}
    tally(metrics, Happened(changes, moves, {5: run or ran()}, **told | more))
    return metrics


def promises(metrics: Metrics) -> tuple[float, float]:
    """Kept and broken."""
    value = metrics.registry.get_sample_value
    kept, broken = (
        value("trackside_promises_total", {"team": "data", "result": result}) or 0
        for result in ("kept", "broken")
    )
    return kept, broken


@pytest.mark.parametrize(
    ("kind", "whole", "expected"),
    [
        ("run_completed", True, (1, 0)),
        ("run_failed", True, (0, 1)),
        ("run_aborted", True, (0, 0)),  # somebody stopped it
        ("run_completed", False, (0, 0)),  # a task: its Dag counts
        ("attempt_failed", True, (0, 0)),  # it is tried again
    ],
)
def test_a_run_is_a_promise(kind: str, whole: bool, expected: tuple[float, float]) -> None:
    assert promises(counted(Change(kind, 1, 5, None), run=ran(whole=whole))) == expected


@pytest.mark.parametrize(
    ("kind", "transition", "expected"),
    [
        ("missed_schedule", "opened", (0, 1)),
        ("freshness", "reopened", (0, 1)),
        ("freshness", "resolved", (0, 0)),
        ("failed_run", "opened", (0, 0)),  # counted when the run ended
        ("creep", "opened", (0, 0)),
    ],
)
def test_a_missed_deadline_is_a_promise_broken(
    kind: str, transition: str, expected: tuple[float, float]
) -> None:
    assert promises(counted(moves=[Moved(transition, kind, "error", "data", "af")])) == expected


def test_a_run_is_compared_with_its_baseline() -> None:
    usual = fit([Sample(NOON - timedelta(days=day), 60.0, False) for day in range(1, 30)])
    assert usual is not None
    metrics = counted(
        Change("run_completed", 1, 5, None), run=ran(took_s=120), baselines={1: usual}
    )
    of = {"orchestrator": "af", "team": "data"}
    value = metrics.registry.get_sample_value("trackside_run_baseline_ratio_sum", of)
    assert value == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(
    ("run", "late_s"),
    [
        (ran(40), 40),
        (ran(-5), 0),  # a little early
        (ran(3599, nominal_at=NOON), 3599),  # called by the slot before
        (ran(40, natural_id="manual__x"), None),
    ],
)
def test_how_late_a_run_started_is_told_by_its_slot(run: Ran, late_s: float | None) -> None:
    assert lateness(run, 5, HOURLY) == late_s


def test_a_job_without_a_clock_is_never_late() -> None:
    assert lateness(ran(40), 5, []) is None
    assert lateness(ran(40), 5, [Span(Schedule("manual"), NOON)]) is None


def test_what_is_known_starts_at_zero() -> None:
    found = {(zero.name, *zero.labels) for zero in zeros([("af", "data", "DAG", True)], ["bi"])}
    assert ("runs_ended", "af", "data", "DAG", "FAILED") in found
    assert ("promises", "bi", "kept") in found
    assert ("slots_missed", "af", "data") in found
