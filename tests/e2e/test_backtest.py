"""`trackside backtest` on a store that a hub has filled, and as a gate in somebody's CI."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from benchmarks.detection.faults import put_faults
from benchmarks.detection.fleet import fleet
from benchmarks.detection.telling import told as telling
from hub.backtest.replay import Replay
from hub.evaluate.book import PACK, Book
from hub.model import Step, Transition
from hub.store import history
from hub.store.db import Database
from hub.store.history import Told
from hub.store.incident_steps import hold_incident, move_incident
from hub.store.migrate import migrate
from tests.support.hub_process import trackside

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a store of ten days, in which a person said that one failure was real, one expected."""
    made = tmp_path_factory.mktemp("backtest")
    days = fleet(10, 10, 5)
    put_faults(days, 5, share=0.3, before=3, between=2)
    with closing(Database(f"sqlite:///{made}/store.db", durable=False)) as db:
        migrate(db)
        with Replay(db, Book(PACK)) as replay:
            replay.feed(telling(days))
            replay.until(days.end)
        real, expected = [one for one in incidents(db) if one.kind == "failed_run"][:2]
        with db.writing() as connection:
            held = hold_incident(connection, real.id).incident
            step = Step(Transition.ACKNOWLEDGED, held, "at it")
            move_incident(connection, real.id, step, real.opened_at, "ann")
            said = "UPDATE incident SET resolution = 'expected' WHERE id = :id"
            connection.execute(text(said), {"id": expected.id})
    (made / "failures-only.yaml").write_text(
        "rules:\n  - {name: missed-schedule, kind: missed_schedule, enabled: false}\n"
        "  - {name: freshness, kind: freshness, settings: {max_lag_s: 36000}}\n"
    )
    return made


def incidents(db: Database) -> list[Told]:
    with db.reading() as connection:
        return history.told(connection)


def backtest(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    url = f"sqlite:///{folder}/store.db"
    done = trackside(
        "backtest", "--json", "--database-url", url, *arguments, folder=folder, timeout=200
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def counts(told: dict[str, Any]) -> dict[str, int]:
    return {rule["rule"]: rule["incidents"] for rule in told["rules"]}


def test_the_rules_in_force_tell_what_they_told(folder: Path) -> None:
    with closing(Database(f"sqlite:///{folder}/store.db")) as db:
        before = incidents(db)
    code, told, _ = backtest(folder)
    assert code == 0
    kept = [one for one in before if one.kind != "orchestrator_silent"]
    found = counts(told)
    assert {rule: found.get(rule, 0) for rule in {one.rule for one in kept}} == {
        rule: sum(one.rule == rule for one in kept) for rule in {one.rule for one in kept}
    }
    failed = next(rule for rule in told["rules"] if rule["rule"] == "failed-run")
    assert failed["agreement"] == {"labelled": 2, "precision": 0.5, "real": 1, "recall": 1.0}
    assert told["calibration"]["predictions"] > 0
    with closing(Database(f"sqlite:///{folder}/store.db")) as db:
        assert incidents(db) == before


def test_other_rules_are_held_against_those_in_force_and_may_fail_a_build(folder: Path) -> None:
    code, told, said = backtest(
        folder, "--rules", "failures-only.yaml", "--fail-under", "precision=0.9",
        "--fail-over", "gone=0", "--fail-over", "per_week=1000",
    )  # fmt: skip
    assert "missed-schedule" not in counts(told)
    assert told["changes"]["both"] > 0
    assert {one["rule"] for one in told["changes"]["gone"]} >= {"missed-schedule"}
    assert {one["rule"] for one in told["changes"]["new"]} == {"freshness"}
    assert code == 1
    assert "precision is 0.5, under 0.9" in said
    assert "gone is" in said
    assert "per_week" not in said


def test_a_gate_that_is_not_understood_is_told(folder: Path) -> None:
    code, _, said = backtest(folder, "--fail-under", "pecision=1")
    assert code == 2
    assert "--fail-under pecision=1: expected NAME=NUMBER" in said
