"""What a subscription says: what is taken, what is refused and where, and what its placeholders mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigError
from hub.model import EntityName
from hub.ports import RerunPolicy
from hub.settings import Settings
from hub.store.launch_counts import UnderWay
from hub.triggers.arriving import is_old
from hub.triggers.plan import plan_of
from hub.triggers.rooms import room_of
from hub.triggers.spec import Backfill, Limits, Spec, filled, read_spec, spec_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LAUNCH = {"orchestrator": "airflow", "job": "mart"}


def spec(**told: Any) -> Spec:
    found = read_spec({"name": "s", "when": "db/a", "launch": LAUNCH, **told})
    assert isinstance(found, Spec), found
    return found


def test_a_spec_is_the_same_after_it_was_kept() -> None:
    one = spec(
        when="all(db/a, db/b) debounce 5m",
        partitions="day of hour in Europe/Berlin, all",
        by_input={"db/b": "identity"},
        limits={"concurrency": 1, "quiet": {"from": "22:00", "to": "06:00"}},
        rerun={"transient": {"times": 2}},
        backfill={"old": "latest"},
        give_up_after_s=60,
        since="2026-11-01T00:00:00Z",
    )
    assert spec_of(one.kept()) == one
    assert one.inputs == {EntityName("db", "a"), EntityName("db", "b")}
    assert one.policy is not None
    assert isinstance(one.policy, RerunPolicy)


def test_a_condition_and_a_mapping_may_be_told_as_json() -> None:
    when = {"when": {"type": "updated", "dataset": {"namespace": "db", "name": "a"}}}
    one = spec(when=when, partitions={"kind": "identity"})
    assert (one.when, one.partitions) == ("db/a", "identity")


def test_inputs_without_a_mapping_count_for_the_target_as_a_whole() -> None:
    one = spec(when="all(db/a, db/b)", by_input={"db/b": "identity"})
    assert one.mapping_of(EntityName("db", "a")) is None
    assert one.mapping_of(EntityName("db", "b")) is not None


def test_placeholders_stand_for_the_partition_and_the_updates_and_nothing_is_run() -> None:
    updates: list[Any] = [{"id": 7, "dataset": "db/a", "partition": "2026-11-23"}]
    conf = {
        "day": "{partition}",
        "list": "{updates}",
        "text": ["on {partition} by {updates}", 3, None],
        "jinja": "{{ ds }} {other} {0.__class__}",
    }
    assert filled(conf, "p", updates) == {
        "day": "p",
        "list": updates,
        "text": ["on p by db/a[2026-11-23]", 3, None],
        "jinja": "{{ ds }} {other} {0.__class__}",
    }


@pytest.mark.parametrize(
    ("partition", "old"),
    [
        ("", False),
        ("eu", False),
        ("2026-11-22", False),
        ("2026-11-21", True),
        ("2026-11-24T11", False),
        ("2026-11-22T10", True),
        ("2026-10", False),  # it was over for less than its own length
        ("2026-09", True),
    ],
)
def test_a_partition_is_old_when_its_time_was_long_over(partition: str, *, old: bool) -> None:
    assert (is_old(partition, NOW, Backfill()) is not None) is old


def test_the_narrowest_limit_decides_and_says_when_to_look_again() -> None:
    limits = Limits.model_validate(
        {"concurrency": 3, "targetConcurrency": 5, "rate": {"launches": 2, "perS": 60}}
    )
    assert room_of(limits, UnderWay(1, 1), NOW).free == 2
    ago = NOW - timedelta(seconds=20)
    full = room_of(limits, UnderWay(1, 1, (ago, ago)), NOW)
    assert (full.free, full.again_at) == (0, NOW + timedelta(seconds=40))
    assert room_of(limits, UnderWay(3, 3), NOW).reason.startswith("3 of at most 3 launches")
    assert room_of(Limits(), UnderWay(99, 99), NOW).free is None


def test_mistakes_in_the_file_are_told_all_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "trackside.yaml"
    file.write_text(
        """subscriptions:
  - name: good
    when: db/a
    launch: {orchestrator: airflow, job: mart}
  - name: bad
    when: "all(db/a"
    launch:
      orchestrator: airflow
      job: mart
      lunch: 1
    give_up_after_s: -1
  - name: good
    when: db/b
    launch: {orchestrator: airflow, job: mart}
"""
    )
    with pytest.raises(ConfigError) as caught:
        plan_of(Settings.load(file))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in lines] == ["6", "10", "11", "12"]
    assert "subscriptions.1.when: expected" in lines[0]
    assert "no such setting" in lines[1]
    assert "stands more than once" in lines[3]


def test_a_job_lives_in_the_namespace_of_its_orchestrator_unless_it_is_told(
    tmp_path: Path,
) -> None:
    file = tmp_path / "trackside.yaml"
    file.write_text(
        "subscriptions:\n"
        "  - {name: a, when: db/a, launch: {orchestrator: airflow, job: mart}}\n"
        "  - {name: b, when: db/a, launch: {orchestrator: airflow, job: mart, namespace: x}}\n"
    )
    plan = plan_of(Settings.load(file), {"airflow": "airflow-prod"})
    assert [one.job for one in plan.specs] == [
        EntityName("airflow-prod", "mart"),
        EntityName("x", "mart"),
    ]
