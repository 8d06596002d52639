"""Observations as own engines post them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.errors import BadInput
from hub.model import (
    BackfillObserved,
    BacklogObserved,
    EntityName,
    FreshnessPolicyObserved,
    HealthObserved,
    HealthStatus,
    Observation,
    PartitionsObserved,
    Schedule,
    ScheduleObserved,
    WatermarkObserved,
)
from hub.openlineage.observations import decode_observations

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
AT = "2026-01-02T12:00:00Z"
JOB = {"namespace": "ns", "name": "job"}
BACKLOG = {"type": "backlog", "pool": "default", "queued": 3, "observed_at": AT}
SCHEDULE = {"kind": "cron", "expression": "0 6 * * *", "timezone": "Europe/Berlin"}


def read(value: Any) -> list[Observation]:
    return decode_observations(json.dumps(value).encode())


def test_every_kind_is_read() -> None:
    told: list[Any] = [
        {"type": "schedule", "job": JOB, "schedule": SCHEDULE, "observed_at": AT},
        BACKLOG | {"oldest_wait_s": 1.5, "capacity": -1},
        {"type": "health", "status": "DOWN", "observed_at": AT, "part": "scheduler"},
        {"type": "watermark", "complete_to": AT, "observed_at": AT},
        {"type": "freshness_policy", "dataset": JOB, "max_lag_s": 60, "observed_at": AT},
        {"type": "partitions", "dataset": JOB, "complete": ["a"], "failed": [], "observed_at": AT},
        {"type": "backfill", "natural_id": "b", "state": "RUNNING", "observed_at": AT},
    ]
    assert read(told) == [
        ScheduleObserved(
            EntityName("ns", "job"), Schedule("cron", "0 6 * * *", "Europe/Berlin"), NOON
        ),
        BacklogObserved("default", 3, NOON, capacity=-1, oldest_wait_s=1.5),
        HealthObserved(HealthStatus.DOWN, NOON, "scheduler"),
        WatermarkObserved(NOON, NOON),
        FreshnessPolicyObserved(EntityName("ns", "job"), 60.0, NOON),
        PartitionsObserved(EntityName("ns", "job"), NOON, complete=("a",)),
        BackfillObserved("b", "RUNNING", NOON),
    ]


def test_one_needs_no_array_and_an_empty_array_is_none() -> None:
    assert read(BACKLOG) == [BacklogObserved("default", 3, NOON)]
    assert read([]) == []


@pytest.mark.parametrize("text", ["2026-01-02T12:00:00", "2026-01-02T14:00:00+02:00"])
def test_times_are_utc(text: str) -> None:
    (one,) = read(BACKLOG | {"observed_at": text})
    assert one.observed_at == NOON
    assert one.observed_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"type": "backlogs"}, "$[1].type"),
        ({"type": 5}, "$[1].type"),
        ({"queued": "3"}, "$[1].queued"),
        ({"queued": -3}, "$[1].queued"),
        ({"queued": 2**63}, "$[1].queued"),
        ({"queued": None}, "$[1].queued"),
        ({"observed_at": "noon"}, "$[1].observed_at"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, "$[1].observed_at"),
        ({"pool": "a\x00b"}, "$[1].pool"),
        ({"pool": "a\ud800b"}, "$[1].pool"),
        ({"pool": "x" * 20_000}, "$[1].pool"),
        ({"oldest_wait_s": -0.5}, "$[1].oldest_wait_s"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read([BACKLOG, BACKLOG | change])
    assert refusal.value.path == path


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BadInput) as refusal:
        read({"type": "backlog", "pool": "p"})
    assert (refusal.value.path, refusal.value.found) == ("$.queued", "nothing")


def test_a_schedule_is_of_a_kind_we_know() -> None:
    schedule = {"kind": "lunar"}
    with pytest.raises(BadInput) as refusal:
        read([{"type": "schedule", "job": JOB, "schedule": schedule, "observed_at": AT}])
    assert refusal.value.path == "$[0].schedule.kind"
    assert "cron" in refusal.value.expected


def scheduled(**said: Any) -> dict[str, Any]:
    return {"type": "schedule", "job": JOB, "observed_at": AT, "schedule": SCHEDULE | said}


def policy(**said: Any) -> dict[str, Any]:
    told = {"type": "freshness_policy", "dataset": JOB, "max_lag_s": 60, "observed_at": AT}
    return told | said


@pytest.mark.parametrize(
    "expression",
    [
        "*/5 * * * *",
        "0 6 * * MON-FRI",
        "0 6 1 JAN,JUL *",
        "0 6 L * *",
        "0 6 * * 5#2",
        "0 6 * * L5",
        "0 6 ? * 7",
        "0 6 * * * */10",
        "@daily",
        "@quarterly",
        "0 3 * * 1\n30 4 * * 5",
    ],
)
def test_what_airflow_and_dagster_take_as_a_cron_expression_is_taken(expression: str) -> None:
    assert len(read([scheduled(expression=expression), policy(cron=expression)])) == 2


@pytest.mark.parametrize("expression", ["PT90S", "PT0.5S", "P1DT2H", "PT1209600S"])
def test_intervals_are_durations(expression: str) -> None:
    assert read(scheduled(kind="interval", expression=expression))


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "UTC", "+05:45", "-03:00"])
def test_time_zones_have_names_or_are_offsets(zone: str) -> None:
    assert len(read([scheduled(timezone=zone), policy(timezone=zone)])) == 2


@pytest.mark.parametrize(
    ("wrong", "path", "found", "expected"),
    [
        (scheduled(expression="61 6 * * *"), "$[1].schedule.expression", "61 6 * * *", "a cron"),
        (scheduled(expression=""), "$[1].schedule.expression", "", "a cron"),
        (scheduled(expression="0 3 * * 1\n0 3 * *"), "$[1].schedule.expression", "0 3 * *", "a cr"),
        (scheduled(expression="at six"), "$[1].schedule.expression", "at six", "30 6 * * MON-FRI"),
        (scheduled(timezone="Mars/Base"), "$[1].schedule.timezone", "Mars/Base", "Europe/Zurich"),
        (scheduled(timezone=""), "$[1].schedule.timezone", "", "an IANA name"),
        (scheduled(timezone="+99:00"), "$[1].schedule.timezone", "+99:00", "an offset"),
        (scheduled(timezone="../passwd"), "$[1].schedule.timezone", "../passwd", "an IANA name"),
        *(
            (scheduled(kind="interval", expression=e), "$[1].schedule.expression", e, "PT90S")
            for e in ("PT0S", "-PT5S", "P1M", "90", "", "PT1e9S")
        ),
        (policy(cron="0 6 * *"), "$[1].cron", "0 6 * *", "a cron expression"),
        (policy(timezone="CEST?"), "$[1].timezone", "CEST?", "an IANA name"),
    ],
)
def test_a_schedule_that_nobody_could_keep_is_refused_by_path(
    wrong: dict[str, Any], path: str, found: str, expected: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        read([BACKLOG, wrong])
    assert (refusal.value.path, refusal.value.found) == (path, f"'{found}'")
    assert expected in refusal.value.expected


def test_a_job_has_a_name() -> None:
    job = {"namespace": "n", "name": ""}
    with pytest.raises(BadInput) as refusal:
        read({"type": "schedule", "job": job, "schedule": SCHEDULE, "observed_at": AT})
    assert refusal.value.path == "$.job.name"


@pytest.mark.parametrize("raw", [b"", b"5", b"null", b"{", b"[[]]", b"\xff", b"[" * 100_000])
def test_what_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput):
        decode_observations(raw)


def test_a_key_of_a_partition_that_cannot_be_kept_is_refused_with_its_place() -> None:
    told = {"type": "partitions", "dataset": JOB, "missing": ["a", "b\x00"], "observed_at": AT}
    with pytest.raises(BadInput) as error:
        read([told])
    assert "$[0].missing[1]" in str(error.value)
