"""A check of the data failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import ClassVar

from pydantic import Field

from hub.model import ChangeKind, CheckStatus, Severity
from hub.rules.base import (
    CheckSeen,
    DatasetSeen,
    Fact,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    kinds,
)

#: What a message shows of an expected or actual value.
_SHOWN = 80


class Chosen(RuleConfig):
    """Which checks."""

    severities: frozenset[Severity] = Field(
        frozenset(Severity), min_length=1, description="of checks, as their reporter has them"
    )
    check: str = Field("*", description="names of checks; * is any text")


@kinds.register("failed_check")
class FailedCheck:
    """One incident per check, column and partition, until the same check passes there."""

    Config: ClassVar[type[RuleConfig]] = Chosen
    subject: ClassVar = Subject.DATASET
    absence: ClassVar = False
    needs: ClassVar = frozenset({Fact.CHECKS})
    wakes: ClassVar = frozenset({ChangeKind.CHECK_FAILED, ChangeKind.CHECK_PASSED})

    def __init__(self, config: Chosen) -> None:
        self._config = config

    def judge(self, dataset: DatasetSeen, as_of: datetime) -> Judgement:  # noqa: ARG002
        return Judgement(tuple(self._verdicts(dataset)))

    def _verdicts(self, dataset: DatasetSeen) -> Iterator[Verdict]:
        for check in dataset.checks:
            key = check.name.key
            if check.status is CheckStatus.FAILED and self._takes(check):
                yield _violated(check)
            elif key in dataset.open and check.status is not CheckStatus.SKIPPED:
                yield Verdict(Status.OK, key, _over(check))

    def _takes(self, check: CheckSeen) -> bool:
        chosen = self._config
        return check.severity in chosen.severities and fnmatchcase(check.name.name, chosen.check)


def _violated(check: CheckSeen) -> Verdict:
    name = check.name
    evidence = {
        "check": name.name,
        "column": name.column or None,
        "partition": name.partition or None,
        "severity": check.severity,
        "expected": check.expected,
        "actual": check.actual,
        "at": check.at.isoformat(),
    }
    columns = (name.column,) if name.column else ()
    reason = f"check {_named(check)} failed{_values(check)}"
    return Verdict(Status.VIOLATED, name.key, reason, evidence, check.at, columns=columns)


def _named(check: CheckSeen) -> str:
    name = check.name
    on = f" of column {name.column}" if name.column else ""
    where = f" in partition {name.partition}" if name.partition else ""
    return f"{name.name}{on}{where}"


def _values(check: CheckSeen) -> str:
    """What was found, and what should have been."""
    told = ((check.actual, "found"), (check.expected, "expected"))
    words = [f"{_short(value)} {word}" for value, word in told if value is not None]
    return f": {', '.join(words)}" if words else ""


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."


def _over(check: CheckSeen) -> str:
    if check.status is CheckStatus.PASSED:
        return f"check {_named(check)} passed at {check.at:%Y-%m-%d %H:%M} UTC"
    return f"check {_named(check)} failed with severity {check.severity}, which is not asked for"
