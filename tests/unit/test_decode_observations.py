"""Observations as own engines post them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.errors import BadInput
from hub.model import (
    BacklogObserved,
    EntityName,
    FreshnessPolicyObserved,
    HealthObserved,
    HealthStatus,
    Observation,
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
    ]
    assert read(told) == [
        ScheduleObserved(
            EntityName("ns", "job"), Schedule("cron", "0 6 * * *", "Europe/Berlin"), NOON
        ),
        BacklogObserved("default", 3, NOON, capacity=-1, oldest_wait_s=1.5),
        HealthObserved(HealthStatus.DOWN, NOON, "scheduler"),
        WatermarkObserved(NOON, NOON),
        FreshnessPolicyObserved(EntityName("ns", "job"), 60.0, NOON),
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


def test_a_job_has_a_name() -> None:
    job = {"namespace": "n", "name": ""}
    with pytest.raises(BadInput) as refusal:
        read({"type": "schedule", "job": job, "schedule": SCHEDULE, "observed_at": AT})
    assert refusal.value.path == "$.job.name"


@pytest.mark.parametrize("raw", [b"", b"5", b"null", b"{", b"[[]]", b"\xff", b"[" * 100_000])
def test_what_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput):
        decode_observations(raw)
