"""What an open incident makes late is predicted, kept with it, and shown to who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.baselines.fit import fit
from hub.baselines.samples import Sample
from hub.evaluate.book import DEADLINES, LATE, Book, Declared
from hub.evaluate.predictions import REFRESH, Predictions
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.rules.base import kinds
from hub.selector import Selector
from hub.settings import Settings
from hub.store.facts import save_baselines
from hub.store.impact import Predicted
from hub.store.incident_views import ImpactView
from hub.store.incidents import Filter, get_incident, list_incidents
from hub.store.leases import LeaseLostError, no_fence
from hub.store.predictions import OpenRoot, open_roots
from hub.store.reading import Page
from hub.store.types import to_micros
from tests.support.recording import emptied, incoming, observation, run_event

ALL = Viewer(all=True)
START = datetime(2026, 11, 10, 10, tzinfo=UTC)  # minute 0
DAY = 1440
DAYS = 12
RULES = (
    Declared(name="failed-run", kind="failed_run"),
    Declared(name="overrun", kind="overrun"),
    Declared(name="freshness", kind="freshness", severity="critical"),
    Declared(name="tried", kind="freshness", settings={"max_lag_s": 100_000}, dry_run=True),
)

IN_TIME = Declared(
    name="report-done",
    kind="late_finish",
    settings={"within_s": 3600},
    select=Selector(name="report"),
)


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    """A hub of which only the writer runs; its store is empty."""
    yield module_hub
    module_hub.writer.call(emptied)


def when(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def event(kind: str, minute: float, run: int, **more: Any) -> dict[str, Any]:
    return run_event(kind, 0, run, **more) | {"eventTime": when(minute).isoformat()}


def run(number: int, job: str, begin: float, end: float, **io: Any) -> list[dict[str, Any]]:
    started = event("START", begin, number, job=job, **io)
    return [started, event("COMPLETE", end, number, job=job, **io)]


def chain(hub: Hub) -> None:
    """extract -> raw -> load -> mart -> report -> board, done each day at eleven.

    extract starts at no time that could be learned, some hours before ten.
    """
    told: list[dict[str, Any]] = []
    for day in range(DAYS):
        at, n = day * DAY, 10 * day
        wobble = (day % 4) * 0.5
        begin = at - 47 * (day * 3 % 5)
        told += run(n + 1, "extract", begin, begin + 30 + wobble, outputs=["raw"])
        told += run(n + 2, "load", at + 32, at + 50 + wobble, inputs=["raw"], outputs=["mart"])
        told += run(n + 3, "report", at + 52, at + 60 + wobble, inputs=["mart"], outputs=["board"])
    record(hub, *told)
    policy = {
        "type": "freshness_policy",
        "dataset": {"namespace": "db", "name": "board"},
        "max_lag_s": 24.5 * 3600,
        "observed_at": when(0).isoformat(),
    }
    hub.writer.record([observation(policy)])


#: Ten of the day after the last that went well.
TODAY = DAYS * DAY


def look(hub: Hub, minute: float, *rules: Declared) -> None:
    watch = Watch(hub.db, hub.writer, Book(rules or RULES))
    while watch.round(when(minute), no_fence):
        pass


def predict(hub: Hub, minute: float, *more: Declared) -> None:
    Predictions(hub.db, hub.writer, Book([*RULES, *more])).round(when(minute), no_fence)


def record(hub: Hub, *events: dict[str, Any]) -> None:
    """Each is heard of when it happens."""
    hub.writer.record(
        [
            incoming(one, heard_at=to_micros(datetime.fromisoformat(one["eventTime"])))
            for one in events
        ]
    )


def fail(hub: Hub, *rules: Declared) -> None:
    """extract fails after ten minutes, and is an incident."""
    begun, failed = (
        event(*told, 901, job="extract") for told in (("START", TODAY), ("FAIL", TODAY + 10))
    )
    record(hub, begun, failed)
    look(hub, TODAY + 11, *rules)


def impact(hub: Hub, viewer: Viewer = ALL) -> ImpactView:
    with hub.db.reading() as connection:
        (one,) = list_incidents(connection, viewer, Filter(open=True, roots=True), Page()).items
        found = get_incident(connection, viewer, one.id).impact
    assert found is not None
    return found


def test_a_failure_tells_by_when_it_must_be_done_for_the_freshness_downstream(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    fail(hub)
    assert impact(hub).breaches == []
    predict(hub, TODAY + 11)
    found = impact(hub)
    assert (found.basis, found.predicted_at) == ("unknown", when(TODAY + 11))
    (one,) = found.breaches
    assert one.dataset is not None
    assert (one.dataset.name, one.rule, one.severity) == ("board", "freshness", "critical")
    last = when(TODAY - DAY + 61.5)
    assert one.breach_at == last + timedelta(hours=24.5)
    assert one.probability is None
    assert one.must_by is not None
    # load takes some 19 minutes, report some 9.
    assert timedelta(minutes=27) < one.breach_at - one.must_by < timedelta(minutes=36)


def test_while_it_runs_the_breach_is_told_with_its_probability_anew(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    record(hub, event("START", TODAY, 901, job="extract", outputs=["raw"]))
    look(hub, TODAY + 1)
    too_long = Declared(name="overrun", kind="overrun", settings={"limit_s": 2400})
    look(hub, TODAY + 41, too_long, *RULES[2:])
    predict(hub, TODAY + 41)
    first = impact(hub)
    predict(hub, TODAY + 80)
    later = impact(hub)
    assert (first.basis, later.basis) == ("running", "running")
    (before,), (after,) = first.breaches, later.breaches
    assert before.probability is not None
    assert after.probability is not None
    assert before.probability < 0.5
    assert after.probability > 0.9
    assert after.slack_s is not None
    assert after.slack_s < 0
    assert after.earliest_at is not None
    assert after.latest_at is not None
    assert when(TODAY + 80) < after.earliest_at < after.latest_at


def test_a_slot_that_must_be_done_in_time_is_told(hub: Hub) -> None:
    chain(hub)
    with hub.db.reading() as connection:
        (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
    schedule = {
        "type": "schedule",
        "job": {"namespace": "prod", "name": "report"},
        "schedule": {"kind": "cron", "expression": "52 10 * * *"},
        "observed_at": when(0).isoformat(),
    }
    hub.writer.record([observation(schedule, of=whose)])
    look(hub, TODAY, *RULES, IN_TIME)
    fail(hub, *RULES, IN_TIME)
    predict(hub, TODAY + 11, IN_TIME)
    told = {one.rule: one for one in impact(hub).breaches}
    assert set(told) == {"freshness", "report-done"}
    one = told["report-done"]
    assert one.job is not None
    assert one.job.name == "report"
    assert one.breach_at == when(TODAY + 52 + 60)


def test_of_a_silent_orchestrator_it_is_told_by_when_it_must_be_back(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    record(hub, event("START", TODAY, 902, job="load"), event("START", TODAY, 903, job="report"))
    look(hub, TODAY + 1)
    predictions = Predictions(hub.db, hub.writer, Book(RULES))
    with hub.db.reading() as connection:
        (whose,) = connection.execute(text("SELECT id FROM orchestrator")).scalars()
        jobs = list(connection.execute(text("SELECT id FROM job ORDER BY id")).scalars())
        silent = OpenRoot(1, "orchestrator_silent", None, None, whose, when(TODAY), jobs, [])
        told = predictions.of(connection, silent, when(TODAY + 5))
    assert told.basis == "unknown"
    (one,) = (each for each in told.breaches if each.kind == "freshness")
    assert one.must_by is not None
    # extract takes some 31 minutes, load 19, report 9.
    assert timedelta(minutes=55) < one.breach_at - one.must_by < timedelta(minutes=70)


def test_of_one_that_is_over_nothing_is_predicted(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    fail(hub)
    record(hub, *run(904, "extract", TODAY + 12, TODAY + 20, outputs=["raw"]))
    look(hub, TODAY + 21)
    predict(hub, TODAY + 22)
    with hub.db.reading() as connection:
        (one,) = list_incidents(connection, ALL, Filter(), Page()).items
        impact = get_incident(connection, ALL, one.id).impact
    assert impact is not None
    assert (impact.predicted_at, impact.breaches) == (None, [])


def test_it_is_refreshed_at_a_bounded_rate_while_it_is_open(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    fail(hub)
    predictions = Predictions(hub.db, hub.writer, Book(RULES))
    begin = when(TODAY + 11)
    predictions.round(begin, no_fence)
    predictions.round(begin + REFRESH / 2, no_fence)
    assert impact(hub).predicted_at == begin
    predictions.round(begin + REFRESH, no_fence)
    assert impact(hub).predicted_at == begin + REFRESH


def test_who_has_lost_the_lease_keeps_nothing(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    fail(hub)

    def lost(_: Any) -> None:
        raise LeaseLostError("predict", 1)

    with pytest.raises(LeaseLostError):
        Predictions(hub.db, hub.writer, Book(RULES)).round(when(TODAY + 11), lost)
    assert impact(hub).predicted_at is None


def test_one_that_can_not_be_predicted_harms_no_other(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain(hub)
    record(hub, *(event(kind, TODAY, 905, job="other") for kind in ("START", "FAIL")))
    look(hub, TODAY)
    fail(hub)
    with hub.db.reading() as connection:
        other, root = open_roots(connection, LATE)[::-1]
    predictions = Predictions(hub.db, hub.writer, Book(RULES))
    of = predictions.of

    def broken(connection: Any, one: OpenRoot, now: datetime) -> Predicted:
        if one.id == other:
            raise ValueError("broken")
        return of(connection, one, now)

    monkeypatch.setattr(predictions, "of", broken)
    predictions.round(when(TODAY + 11), no_fence)
    with hub.db.reading() as connection:
        impacts = [get_incident(connection, ALL, key).impact for key in (other, root)]
    assert [one.predicted_at for one in impacts if one] == [None, when(TODAY + 11)]


def test_what_is_private_to_a_team_is_told_to_its_members_alone(hub: Hub) -> None:
    chain(hub)
    look(hub, TODAY)
    fail(hub)
    predict(hub, TODAY + 11)
    hub.writer.call(_made_private)
    theirs, mine = impact(hub, Viewer()), impact(hub, Viewer(teams=frozenset({"finance"})))
    assert (theirs.breaches, theirs.teams, theirs.owners) == ([], [], [])
    assert (mine.teams, mine.owners) == (["finance"], ["cfo"])
    (one,) = mine.breaches
    assert (one.team, one.owners) == ("finance", ["cfo"])


def _made_private(connection: Any) -> None:
    now = 1_795_478_400_000_000
    connection.execute(
        text(f"INSERT INTO team (name, private, created_at) VALUES ('finance', TRUE, {now})")
    )
    connection.execute(
        text("UPDATE dataset SET team = 'finance', owners = '[\"cfo\"]' WHERE name = 'board'")
    )


def test_two_hundred_dependants_are_predicted_at_once(hub: Hub) -> None:
    events = run(1, "extract", TODAY - 60, TODAY - 30, outputs=["raw"])
    for n in range(200):
        io = {"inputs": ["raw"], "outputs": [f"out-{n}"]}
        events += run(10 + n, f"user-{n}", TODAY - 30, TODAY - 20, **io)
    record(hub, *events)
    hub.writer.call(_learned)
    stale = Declared(name="stale", kind="freshness", settings={"max_lag_s": 3600})
    look(hub, TODAY, RULES[0], stale)
    fail(hub, RULES[0], stale)
    predictions = Predictions(hub.db, hub.writer, Book([*RULES[:2], stale]))
    predictions.round(when(TODAY + 11), no_fence)
    found = impact(hub).breaches
    assert len(found) == 201
    assert all(one.must_by is not None for one in found)


def _learned(connection: Any) -> None:
    """All jobs take ten minutes."""
    samples = [Sample(when(n * DAY), 600.0 + n) for n in range(DAYS)]
    jobs = connection.execute(text("SELECT id FROM job")).scalars().all()
    save_baselines(connection, dict.fromkeys(jobs, fit(samples)), when(TODAY - 60))


def test_the_kinds_that_are_late_or_wait_for_a_deadline_are_kinds() -> None:
    assert set(kinds.names()) >= LATE | DEADLINES
