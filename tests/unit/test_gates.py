"""Whether a dataset is good to publish, judged from facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hub.gates import (
    ChecksPassed,
    GateAnswer,
    GateFacts,
    GateSpec,
    IncidentSeen,
    NoIncident,
    PolicySeen,
    judge,
)
from hub.model import CheckStatus, Severity
from hub.rules.base import CheckName, CheckSeen

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
UPDATED = NOW - timedelta(hours=2)


def check(
    name: str, status: str = "PASSED", *, column: str = "", severity: str = "ERROR"
) -> CheckSeen:
    return CheckSeen(
        CheckName(name, column), UPDATED, CheckStatus(status), Severity(severity), "0", "12"
    )


def incident(number: int = 7, **told: Any) -> IncidentSeen:
    given: dict[str, Any] = {"kind": "volume", "severity": "error", "since": UPDATED}
    return IncidentSeen(number, reason="far too few", **(given | told))


def asked(spec: GateSpec | None = None, **known: Any) -> GateAnswer:
    facts = {"name": "orders", "updated_at": UPDATED, "last_update_at": UPDATED, **known}
    return judge(spec or GateSpec(), GateFacts(**facts), NOW)


def only(part: str, answer: GateAnswer) -> tuple[bool | None, str]:
    found = next(one for one in answer.parts if one.name == part)
    return found.passed, found.reason


def test_what_was_updated_and_of_which_nothing_bad_is_known_passes() -> None:
    answer = asked()
    assert answer.passed is True
    assert answer.reasons == (
        "orders was last updated at 2026-11-02 10:00 UTC, 2 h ago",
        "no check reports of it",
        "no open incident",
    )
    assert answer.again_at is None


def test_what_was_never_updated_is_unknown() -> None:
    answer = asked(updated_at=None, partition="2026-11-02")
    assert answer.passed is None
    assert answer.reasons[0] == "partition 2026-11-02 of orders was never updated"


def test_a_failed_check_closes_the_gate_and_is_told_first_with_its_values() -> None:
    answer = asked(checks=[check("rows"), check("not_null", "FAILED", column="id")])
    assert answer.passed is False
    assert answer.reasons[0] == (
        "check not_null of column id failed: 12 found, 0 expected"
        " (1 of 2 checks passed since the update)"
    )


def test_a_check_that_reported_before_is_waited_for() -> None:
    answer = asked(checks=[check("rows")], awaited=[CheckName("rows"), CheckName("unique", "id")])
    assert answer.passed is None
    assert only("checks", answer)[1] == (
        "check unique of column id has not reported yet (1 of 2 checks passed since the update)"
    )


@pytest.mark.parametrize(
    ("names", "passed"),
    [
        (("rows",), True),
        (("ro*",), True),
        (("not_null",), False),
        (("skipped",), None),
        (("rows", "never_heard_of"), None),
    ],
)
def test_named_checks_count_alone_and_each_must_have_reported(
    names: tuple[str, ...], passed: bool | None
) -> None:
    checks = [check("rows"), check("not_null", "FAILED"), check("skipped", "SKIPPED")]
    answer = asked(GateSpec(checks=ChecksPassed(names)), checks=checks)
    assert only("checks", answer)[0] is passed


@pytest.mark.parametrize(("severity", "passed"), [("WARN", False), ("ERROR", True)])
def test_a_check_that_only_warns_closes_the_gate_if_warnings_count(
    severity: str, passed: bool
) -> None:
    wanted = GateSpec(checks=ChecksPassed(severity=Severity(severity)))
    assert asked(wanted, checks=[check("rows", "FAILED", severity="WARN")]).passed is passed


def test_a_skipped_check_that_nobody_named_closes_nothing() -> None:
    assert asked(checks=[check("rows", "SKIPPED")], awaited=[CheckName("rows")]).passed is True


def test_open_incidents_close_the_gate_the_most_severe_told_first() -> None:
    answer = asked(incidents=[incident(severity="warning"), incident(8, severity="critical")])
    assert answer.passed is False
    assert answer.reasons[0] == (
        "2 open incidents: #8 volume (critical): far too few; #7 volume (warning): far too few"
    )


@pytest.mark.parametrize(
    ("wanted", "told", "passed"),
    [
        (NoIncident(severity="critical"), {}, True),
        (NoIncident(severity="error"), {}, False),
        (NoIncident(kinds=("freshness",)), {}, True),
        (NoIncident(kinds=("volume",)), {}, False),
        (NoIncident(), {"of_producer": True}, True),
        (NoIncident(producer=True), {"of_producer": True}, False),
        (NoIncident(), {"partition": "2026-11-01"}, True),
        (NoIncident(), {"partition": "2026-11-02"}, False),
        (None, {}, True),
    ],
)
def test_only_incidents_that_are_asked_for_count(
    wanted: NoIncident | None, told: dict[str, Any], passed: bool
) -> None:
    answer = asked(GateSpec(incidents=wanted), partition="2026-11-02", incidents=[incident(**told)])
    assert answer.passed is passed


def test_an_incident_of_one_partition_closes_the_gate_of_the_whole() -> None:
    assert asked(incidents=[incident(partition="2026-11-01")]).passed is False


@pytest.mark.parametrize(
    ("policy", "passed", "over_at"),
    [
        (PolicySeen(3 * 3600), True, UPDATED + timedelta(hours=3)),
        (PolicySeen(3600), False, None),
        (PolicySeen(0, "0 9 * * *", "UTC"), True, datetime(2026, 11, 4, 9, tzinfo=UTC)),
        (PolicySeen(0, "*/30 * * * *", "UTC"), False, None),
        (PolicySeen(3600, "0 13 * * *", "Europe/Berlin"), False, None),
    ],
)
def test_the_freshness_policy_holds_if_there_is_one(
    policy: PolicySeen, passed: bool, over_at: datetime | None
) -> None:
    answer = asked(policy=policy)
    assert only("policy", answer)[0] is passed
    assert answer.again_at == over_at
    assert asked(GateSpec(policy=False), policy=PolicySeen(1)).passed is True


def test_what_must_be_fresh_closes_when_its_time_is_over() -> None:
    wanted = GateSpec(fresh_within_s=7200)
    assert asked(wanted).passed is True
    assert asked(wanted).again_at == NOW
    late = judge(wanted, GateFacts(name="orders", updated_at=UPDATED), NOW + timedelta(seconds=60))
    assert late.passed is False
    assert late.reasons[0] == "updated 2 h 01 min ago, which is more than 2 h"


@pytest.mark.parametrize(("rows", "passed"), [(1000, True), (999, False), (None, None)])
def test_rows_are_counted_in_the_latest_update(rows: int | None, passed: bool | None) -> None:
    assert asked(GateSpec(rows=1000), rows=rows).passed is passed


def test_what_is_wrong_outweighs_what_is_not_known() -> None:
    answer = asked(GateSpec(rows=1), rows=None, checks=[check("rows", "FAILED")])
    assert answer.passed is False
    assert [part.passed for part in answer.parts] == [False, None, True, True]


def test_a_spec_survives_json_and_says_only_what_is_unusual() -> None:
    wanted = GateSpec(ChecksPassed(("a",)), None, fresh_within_s=60)
    text = msgspec.json.encode(wanted)
    assert msgspec.json.decode(text, type=GateSpec) == wanted
    assert msgspec.json.encode(GateSpec()) == b"{}"
