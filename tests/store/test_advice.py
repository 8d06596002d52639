"""Advice from recorded events: what patterns are given is what was told, on either engine."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest
import yaml

from hub import advising
from hub.advice.base import Advice, Subscribe
from hub.advising import Advisor, Look, apart, look, name_for, pasted, subscription
from hub.errors import Overloaded, Unavailable
from hub.model import EntityName, Schedule
from hub.schedules.spans import Habit, Origin
from hub.store import advice as facts
from hub.store.db import Database
from hub.store.hub_schedules import HubSchedule, save_schedules
from hub.store.subscriptions import API, Wanted, put_subscription
from hub.triggers.spec import Spec
from tests.support.recording import Recording, dataset, observation, output, run_event, uuid

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAYS = 14
ORDERS = EntityName("db", "orders")


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def day(number: int, hour: float = 0) -> datetime:
    return datetime(2026, 11, 10, tzinfo=UTC) + timedelta(days=number, hours=hour)


class Teller:
    """Tells of runs: each of a number of its own."""

    def __init__(self, record: Recording) -> None:
        self._record = record
        self._count = 0

    def __call__(
        self,
        job: str,
        start: datetime,
        minutes: float = 10,
        *,
        ending: str = "COMPLETE",
        starts: int = 1,
        **told: Any,
    ) -> str:
        """The run id of a run that began then and took so long."""
        self._count += 1
        events = [
            {
                **run_event(kind, 0, self._count, job=job, **told),
                "eventTime": (start + timedelta(minutes=after)).isoformat(),
            }
            for kind, after in (*(("START", n / 60) for n in range(starts)), (ending, minutes))
        ]
        self._record(*events)
        return uuid(self._count)

    def schedule(self, job: str, expression: str, **more: Any) -> None:
        told = {"kind": "cron", "expression": expression, "timezone": "UTC", **more}
        name = {"namespace": "prod", "name": job}
        seen = {"type": "schedule", "job": name, "schedule": told}
        self._record(observation({**seen, "observed_at": day(-20).isoformat()}))


@pytest.fixture
def tell(record: Recording) -> Teller:
    return Teller(record)


def found(db: Database, kind: str) -> list[Advice]:
    return [one for one in look(db, NOW).advice.values() if one.kind == kind]


def load_and_mart(tell: Teller, days: int = DAYS) -> str:
    """`mart` starts an hour after `load`, which writes orders at ten past; the last run of mart."""
    tell.schedule("load", "0 3 * * *")
    tell.schedule("mart", "0 4 * * *")
    latest = ""
    for n in range(days):
        tell("load", day(n, 3), outputs=["orders"])
        latest = tell("mart", day(n, 4), inputs=["orders"], outputs=["sales"])
    return latest


def test_a_start_that_is_guessed_is_told_with_a_subscription_that_can_be_pasted(
    db: Database, tell: Teller
) -> None:
    latest = load_and_mart(tell)
    (told,) = found(db, "guessed_start")
    assert told.job == EntityName("prod", "mart")
    assert (told.saves_s, told.evidence["runs"]) == (50 * 60, DAYS)
    assert told.examples[0].run == latest
    text = pasted(told)
    assert text is not None
    (given,) = yaml.safe_load(text)["subscriptions"]
    spec = Spec.model_validate(given)
    assert spec.inputs == {ORDERS}
    assert spec.job == EntityName("prod", "mart")


def test_a_job_that_a_subscription_launches_is_not_told(db: Database, tell: Teller) -> None:
    load_and_mart(tell)
    spec = {
        "name": "mart", "when": "db/orders", "launch": {"orchestrator": "prod", "job": "mart"}
    }  # fmt: skip
    wanted = Wanted(name="mart", team=None, spec=spec, inputs=frozenset({ORDERS}))
    with db.writing() as connection:
        put_subscription(connection, wanted, origin=API, by="ann", now=NOW)
    assert found(db, "guessed_start") == []


def test_what_tasks_read_and_write_is_their_dags(db: Database, tell: Teller) -> None:
    tell.schedule("load", "0 3 * * *")
    tell.schedule("mart", "0 4 * * *")
    for n in range(DAYS):
        for job, hour in (("load", 3), ("mart", 4)):
            dag = tell(job, day(n, hour), 30)
            named = {"run": {"runId": dag}, "job": {"namespace": "prod", "name": job}}
            io: dict[str, Any] = {"outputs" if job == "load" else "inputs": ["orders"]}
            tell(f"{job}.step", day(n, hour), 10, run_facets={"parent": named}, **io)
    (told,) = found(db, "guessed_start")
    assert told.job == EntityName("prod", "mart")
    assert told.evidence["writtenBy"] == ["load"]
    assert told.saves_s == 50 * 60


def test_a_dataset_under_another_name_is_the_same(db: Database, tell: Teller) -> None:
    tell.schedule("load", "0 3 * * *")
    tell.schedule("mart", "0 4 * * *")
    link = {"identifiers": [{"namespace": "s3://lake", "name": "o", "type": "LOCATION"}]}
    for n in range(DAYS):
        tell("load", day(n, 3), outputs=[dataset("orders", symlinks=link)])
        tell("mart", day(n, 4), inputs=[{"namespace": "s3://lake", "name": "o"}])
    (told,) = found(db, "guessed_start")
    assert told.evidence["writtenBy"] == ["load"]


def sensor(**task: Any) -> dict[str, Any]:
    path = "airflow.sensors.external_task.ExternalTaskSensor"
    told = {"task_id": "wait", "operator_class": "ExternalTaskSensor", "operator_class_path": path}
    return {"airflow": {"task": told | task, "taskInstance": {"try_number": 1}}}


TASK = {"jobType": {"processingType": "BATCH", "integration": "AIRFLOW", "jobType": "TASK"}}


def waiting(tell: Teller, job: str, *, starts: int = 1, **task: Any) -> None:
    for n in range(DAYS):
        dag = tell("mart", day(n, 4), 60)
        parent = {"run": {"runId": dag}, "job": {"namespace": "prod", "name": "mart"}}
        facets = {"parent": parent} | sensor(**task)
        tell(job, day(n, 4), 45, starts=starts, run_facets=facets, job_facets=TASK)


def test_a_sensor_is_known_by_its_facet_and_poking_by_its_one_start(
    db: Database, tell: Teller
) -> None:
    waiting(tell, "mart.pokes")
    waiting(tell, "mart.put_off", starts=5)
    waiting(tell, "mart.defers", deferrable=True)
    waiting(tell, "mart.works", operator_class="BashOperator", operator_class_path="bash.Bash")
    (told,) = found(db, "poking_sensor")
    assert told.job == EntityName("prod", "mart.pokes")
    assert (told.evidence["meanS"], told.evidence["runs"]) == (2700.0, DAYS)


def test_a_python_task_that_writes_gigabytes_is_known_by_its_facets(
    db: Database, tell: Teller
) -> None:
    for n in range(DAYS):
        dag = tell("etl", day(n, 4), 60)
        parent = {"run": {"runId": dag}, "job": {"namespace": "prod", "name": "etl"}}
        facets = {"parent": parent} | sensor(operator_class="PythonOperator")
        big = output("frame", rows=1, size=3_000_000_000)
        tell("etl.pandas", day(n, 4), 5, run_facets=facets, job_facets=TASK, outputs=[big])
    (told,) = found(db, "heavy_task")
    assert told.evidence["medianBytes"] == 3_000_000_000


def test_tries_of_a_run_are_told_by_their_errors(db: Database, tell: Teller) -> None:
    for n in range(6):
        for no in (1, 2, 3):
            facets = {
                "airflow": {
                    "dagRun": {"run_id": f"scheduled__{n}"},
                    "task": {"task_id": "load", "retries": 2},
                    "taskInstance": {"try_number": no, "map_index": -1},
                },
                "errorMessage": {
                    "message": "permission denied for table x",
                    "programmingLanguage": "PYTHON",
                },
            }
            tell("etl.load", day(n, no / 10), 1, ending="FAIL", run_facets=facets)
    (told,) = found(db, "useless_retries")
    assert told.evidence["byClass"] == {"auth": 6}
    assert told.evidence["retries"] == 12


def test_partitions_made_anew_with_other_rows_are_told(db: Database, tell: Teller) -> None:
    for n in range(4):
        nominal = {"nominalStartTime": day(n).isoformat(), "nominalEndTime": day(n + 1).isoformat()}
        for again, rows in ((0, 100), (1, 90)):
            dag_run = {"run_id": f"r{n}-{again}", "partition_key": f"2026-11-{10 + n}"}
            facets = {"airflowDagRun": {"dagRun": dag_run}, "nominalTime": nominal}
            out = output("orders", rows=rows)
            tell("load", day(n + 1, again), 5, run_facets=facets, outputs=[out])
    (told,) = found(db, "unstable_rerun")
    assert told.evidence["partitionsChanged"] == 4
    assert told.examples[0].dataset == ORDERS


def test_a_line_of_a_crontab_that_was_never_heard_of_is_told(db: Database, tell: Teller) -> None:
    tell.schedule("backup", "0 2 * * *")
    tell.schedule("paused", "0 2 * * *", paused=True)
    tell.schedule("heard", "0 2 * * *")
    tell("heard", day(0, 2))
    (told,) = found(db, "unwatched_cron")
    assert told.job == EntityName("prod", "backup")


def test_a_schedule_that_was_learned_of_a_job_of_nobody_is_told(
    db: Database, record: Recording, tell: Teller
) -> None:
    for n in range(DAYS):
        tell("nightly", day(n, 2))
        tell("owned", day(n, 2), job_facets={"ownership": {"owners": [{"name": "team:shop"}]}})
    held = HubSchedule(
        Schedule("cron", "0 2 * * *"), day(5), habit=Habit(timedelta(minutes=1), 12, "12 of 12")
    )
    keys = [row[0] for row in record.rows("SELECT id FROM job")]
    with db.writing() as connection:
        save_schedules(connection, {(key, Origin.LEARNED): held for key in keys})
    (told,) = found(db, "unwatched_cron")
    assert told.job == EntityName("prod", "nightly")
    assert "cron:" in (pasted(told) or "")


def test_a_dataset_that_nobody_reads_is_told_and_one_that_is_read_is_not(
    db: Database, tell: Teller
) -> None:
    for n in range(-24, DAYS):
        tell("load", day(n, 3), outputs=["orders", "leftover"])
        tell("mart", day(n, 9), inputs=["orders"])
    (told,) = found(db, "orphan_dataset")
    assert told.dataset == EntityName("db", "leftover")


def test_what_is_older_than_the_window_is_not_looked_at(db: Database, tell: Teller) -> None:
    load_and_mart(tell)
    assert look(db, NOW + timedelta(days=40)).advice == {}


def test_of_a_job_that_runs_often_the_latest_runs_alone_are_read(
    db: Database, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(30):
        tell("often", day(0, n), outputs=["x"])
    monkeypatch.setattr(facts, "EACH", 12)
    with db.reading() as connection:
        seen = facts.seen(connection, NOW)
    ((job, *_), (one, *_)) = list(seen.jobs.values()), list(seen.datasets.values())
    assert [run.start for run in job.runs] == [day(0, n) for n in range(18, 30)]
    assert len(one.updates) == 12
    assert not one.all


def test_a_look_serves_until_it_is_no_longer_fresh(db: Database, tell: Teller) -> None:
    now = [NOW]
    advisor = Advisor(partial(look, db), lambda: now[0])
    assert advisor.look().advice == {}
    load_and_mart(tell)
    assert advisor.look().advice == {}
    assert advisor.look().at == NOW
    now[0] += timedelta(minutes=16)
    (told,) = advisor.look().advice.values()
    assert told.kind == "guessed_start"
    assert isinstance(UUID(told.examples[0].run or ""), UUID)


def test_a_process_of_its_own_sees_the_same(db: Database, tell: Teller) -> None:
    load_and_mart(tell)
    here, there = look(db, NOW), apart(db)(NOW)
    assert here.advice
    assert msgspec.json.encode(there.advice) == msgspec.json.encode(here.advice)
    assert [pasted(one) for one in there.advice.values()] == [*map(pasted, here.advice.values())]


def test_where_there_is_much_to_see_a_process_of_its_own_looks(
    db: Database, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_and_mart(tell)
    monkeypatch.setattr(advising, "look", lambda *_: Look(NOW, {}, 1.0))
    assert advising.looking(db)(NOW).advice == {}
    monkeypatch.setattr(advising, "FEW_RUNS", 3)
    assert advising.looking(db)(NOW).advice != {}


def test_a_store_that_can_not_be_read_is_told_without_its_password(
    capfd: pytest.CaptureFixture[str],
) -> None:
    gone = Database("postgresql://trackside:hunter2@127.0.0.1:1/gone")
    with closing(gone), pytest.raises(Unavailable) as told:
        apart(gone)(NOW)
    assert "hunter2" not in str(told.value) + "".join(capfd.readouterr())


def test_while_somebody_looks_the_look_before_serves(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW]
    advisor = Advisor(partial(look, db), lambda: now[0])
    monkeypatch.setattr(advising, "PATIENCE_S", 0.01)
    with advisor._looking, pytest.raises(Overloaded, match="ask again"):
        advisor.look()
    first = advisor.look()
    now[0] += timedelta(hours=1)
    with advisor._looking:
        assert advisor.look() is first
    assert advisor.look().at == now[0]


def test_an_orchestrator_that_nobody_knows_has_nothing_to_paste() -> None:
    job = EntityName("ns", "Übergröße/mart v2")
    assert subscription(Subscribe(job, None, None, [ORDERS])) is None
    assert name_for(job) == "bergr-e-mart-v2-on-data"
    odd = [EntityName("db", 'my "items", all'), ORDERS]
    text = subscription(Subscribe(job, "prod", "shop", odd, any=True))
    assert text is not None
    (given,) = yaml.safe_load(text)["subscriptions"]
    spec = Spec.model_validate(given)
    assert (spec.inputs, spec.job, spec.team) == (frozenset(odd), job, "shop")
    assert spec.when == 'any(db/"my \\"items\\", all", db/orders)'
