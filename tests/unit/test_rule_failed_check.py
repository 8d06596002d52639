"""A check that failed, until the same one passes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hub.model import CheckStatus, EntityName, Severity
from hub.rules.base import CheckName, CheckSeen, DatasetSeen, Status, Verdict
from hub.rules.failed_check import Chosen, FailedCheck

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FAILED, PASSED, SKIPPED = CheckStatus.FAILED, CheckStatus.PASSED, CheckStatus.SKIPPED


def check(status: CheckStatus, name: str = "unique", *of: str, **more: Any) -> CheckSeen:
    return CheckSeen(CheckName(name, *of), NOON, status, **more)


def look(*checks: CheckSeen, open_: tuple[CheckSeen, ...] = (), **own: Any) -> list[Verdict]:
    keys = frozenset(one.name.key for one in open_)
    seen = DatasetSeen(EntityName("db", "mart"), checks=checks, open=keys)
    return list(FailedCheck(Chosen(**own)).judge(seen, NOON).verdicts)


def test_each_check_column_and_partition_is_an_incident_of_its_own() -> None:
    found = look(
        check(FAILED), check(FAILED, "unique", "id"), check(FAILED, "unique", "id", "2026-11-24")
    )
    assert [one.status for one in found] == [Status.VIOLATED] * 3
    assert len({one.key for one in found}) == 3
    assert [one.reason for one in found] == [
        "check unique failed",
        "check unique of column id failed",
        "check unique of column id in partition 2026-11-24 failed",
    ]
    assert [one.columns for one in found] == [(), ("id",), ("id",)]


def test_what_was_found_and_expected_is_told_but_not_without_end() -> None:
    (one,) = look(check(FAILED, expected="0", actual="x" * 1000))
    assert one.reason == f"check unique failed: {'x' * 80}... found, 0 expected"
    assert one.evidence["actual"] == "x" * 1000


def test_it_is_over_when_it_passes_and_only_then() -> None:
    bad = check(FAILED)
    assert [one.status for one in look(check(PASSED), open_=(bad,))] == [Status.OK]
    assert look(check(SKIPPED), open_=(bad,)) == []
    assert look(check(PASSED, "other"), open_=(bad,)) == []


def test_only_severities_and_names_that_are_asked_for_are_told() -> None:
    warned = check(FAILED, severity=Severity.WARN)
    assert look(warned, severities=["ERROR"]) == []
    assert look(warned, severities=["WARN"])[0].evidence["severity"] == "WARN"
    assert look(check(FAILED), check="not_*") == []
    (over,) = look(warned, open_=(warned,), severities=["ERROR"])
    assert (over.status, "severity WARN" in over.reason) == (Status.OK, True)


def test_the_key_of_a_check_can_be_read_back() -> None:
    name = CheckName('a "b", [c]', "col", "p/1")
    assert CheckName.of_key(name.key) == name
    assert CheckName.of_key("2026-11-24") is None
    assert CheckName.of_key("[1]") is None
