"""What gates are judged by, read from a store."""

from __future__ import annotations

from hub.gates import ChecksPassed, GateAnswer, GateSpec, NoIncident
from hub.model import Viewer
from hub.store.db import Database
from hub.store.gates import gate_answers, news_since, place_now
from hub.store.tables import freshness_policy, incident_transition
from tests.support.build import EVERYBODY, Build, at

DAY, NEXT = "2026-11-01", "2026-11-02"
PLAIN = GateSpec()


def answer(
    db: Database,
    dataset: int,
    spec: GateSpec = PLAIN,
    *,
    partition: str = "",
    minutes: float = 60,
    viewer: Viewer = EVERYBODY,
) -> GateAnswer:
    with db.reading() as connection:
        return gate_answers(connection, [(dataset, partition, spec)], at(minutes), viewer)[0]


def test_checks_of_the_run_that_updated_it_and_those_after_count(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders, job = build.dataset("orders"), build.job("load")
        first = build.run(job, start=0, end=5)
        build.update(orders, first, when=5)
        build.check(orders, "null", first, when=4, status="FAILED")
        build.check(orders, "rows", when=6)
    assert answer(db, orders).passed is False
    with db.writing() as connection:
        build.connection = connection
        second = build.run(job, start=10, end=15)
        build.update(orders, second, when=15)
    waits = answer(db, orders)
    assert waits.passed is None
    assert waits.reasons[0] == (
        "check null, check rows have not reported yet (0 of 2 checks passed since the update)"
    )
    with db.writing() as connection:
        build.connection = connection
        build.check(orders, "null", second, when=13)
        build.check(orders, "rows", build.run(build.job("audit"), start=16, end=17), when=17)
    passes = answer(db, orders)
    assert passes.passed is True
    assert passes.reasons[1] == "2 of 2 checks passed since the update"


def test_each_partition_has_updates_checks_and_incidents_of_its_own(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders, job = build.dataset("orders"), build.job("load")
        for minute, partition in ((0, DAY), (10, NEXT)):
            run = build.run(job, start=minute, end=minute + 5, partition_key=partition)
            build.update(orders, run, when=minute + 5, partition_key=partition, rows=minute + 1)
            build.check(orders, "null", run, when=minute + 4)
        build.check(orders, "rows", when=20, partition=DAY, status="FAILED")
        build.check(orders, "rows", when=20, partition=NEXT)
        build.incident("volume", of=orders, evidence=f'{{"partition": "{DAY}", "low": 3}}')
    least = GateSpec(rows=5)
    assert answer(db, orders, partition=DAY).passed is False
    assert answer(db, orders, partition=NEXT).passed is True
    assert answer(db, orders, least, partition=NEXT).passed is True
    assert answer(db, orders, least, partition=DAY).reasons[0].startswith("check rows failed")
    assert answer(db, orders).passed is False
    assert answer(db, orders, partition="2026-11-03").passed is None
    parts = {part.name: part for part in answer(db, orders, least, partition=DAY).parts}
    assert parts["rows"].passed is False


def test_a_check_that_none_of_the_last_updates_had_is_not_waited_for(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        for minute in range(8):
            build.update(orders, when=minute)
        build.check(orders, "given_up", when=0.5)
        build.check(orders, "daily", when=3.5)
    assert "check daily has not reported yet" in answer(db, orders).reasons[0]
    named = GateSpec(checks=ChecksPassed(("given_up",)))
    assert answer(db, orders, named).passed is None


def test_incidents_of_the_job_that_updated_it_count_if_asked_for(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders, dag = build.dataset("orders"), build.job("dag")
        load = build.job("dag.load", parent_job_id=dag)
        build.update(orders, build.run(load, start=0, end=5), when=5)
        build.incident("failed_run", "job", of=dag)
        build.incident("overrun", "job", of=load, dry_run=True)
        build.incident("volume", of=orders, resolved_at=at(7), state="RESOLVED")
    assert answer(db, orders).passed is True
    wanted = GateSpec(incidents=NoIncident(producer=True))
    told = answer(db, orders, wanted).reasons[0]
    assert told.startswith("1 open incident: #")
    assert told.endswith("failed_run (error) of job ns:dag: failed_run is wrong")


def test_what_belongs_to_a_private_team_is_not_told(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders, job = build.dataset("orders"), build.job("secret")
        build.update(orders, build.run(job, start=0, end=5), when=5)
        build.incident("failed_run", "job", of=job, team=build.team("finance"))
    wanted = GateSpec(incidents=NoIncident(producer=True))
    hidden = answer(db, orders, wanted, viewer=Viewer()).reasons[0]
    assert "secret" not in hidden
    assert "may not see" in hidden
    mine = answer(db, orders, wanted, viewer=Viewer(teams=frozenset({"finance"}))).reasons[0]
    assert "ns:secret" in mine


def test_the_declared_freshness_holds_for_the_dataset(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        build.update(orders, when=0)
        policy = {"dataset_id": orders, "max_lag_s": 3000.0, "timezone": "UTC", "at": at(0)}
        connection.execute(freshness_policy.insert().values(**policy))
    assert answer(db, orders, minutes=49).passed is True
    assert answer(db, orders, minutes=49).again_at == at(50)
    assert answer(db, orders, minutes=51).passed is False


def test_many_gates_are_answered_in_their_order(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        good, bad, new = (build.dataset(name) for name in ("good", "bad", "new"))
        for key in (good, bad):
            build.update(key, when=1)
        build.check(bad, "null", when=2, status="FAILED")
    wanted = [(bad, "", PLAIN), (new, "", PLAIN), (good, "", PLAIN), (bad, "", GateSpec(None))]
    with db.reading() as connection:
        found = gate_answers(connection, wanted, at(3))
        assert gate_answers(connection, [], at(3)) == []
    assert [one.passed for one in found] == [False, None, True, True]


def test_news_name_the_datasets_and_jobs_whose_gates_may_have_changed(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders, items, job = build.dataset("orders"), build.dataset("items"), build.job("load")
        build.change("dataset_updated", dataset_id=items)
    with db.reading() as connection:
        place = place_now(connection)
        assert news_since(connection, place).datasets == frozenset()
    with db.writing() as connection:
        build.connection = connection
        build.change("dataset_updated", dataset_id=orders)
        build.change("check_failed", writer=2, seq=1, dataset_id=items)
        held = build.incident("failed_run", "job", of=job)
        told = {"transition": "opened", "reason": "", "evidence": "{}", "version": 1}
        row = {"id": 1, "incident_id": held, "at": at(0), **told}
        connection.execute(incident_transition.insert().values(**row))
    with db.reading() as connection:
        news = news_since(connection, place)
        assert news_since(connection, news.place).datasets == frozenset()
    assert news.datasets == {orders, items}
    assert news.jobs == {job}
