"""Soda Core 3: scan results, as `soda scan -srf FILE` writes them or `get_scan_results()` gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from hub.model import Check, CheckStatus, Severity
from hub.quality import tell
from hub.quality.base import Given, Json, Naming, Report, decoded, time_of, tools


class _Check(Struct, frozen=True, gc=False):
    name: str
    outcome: str | None = None
    table: str | None = None
    column: str | None = None
    filter: str | None = None
    diagnostics: Json | None = None


class _Log(Struct, frozen=True, gc=False):
    level: str = ""
    message: str = ""


class _Scan(Struct, frozen=True, gc=False, rename="camel"):
    scan_start_timestamp: str
    scan_end_timestamp: str
    checks: list[_Check]
    automated_monitoring_checks: list[_Check] = []
    definition_name: str | None = None
    default_data_source: str | None = None
    has_errors: bool = False
    logs: list[_Log] = []


_SCAN: Final = Decoder(_Scan)
_STATUSES: Final = {
    "pass": CheckStatus.PASSED,
    "warn": CheckStatus.FAILED,
    "fail": CheckStatus.FAILED,
}
_SIGNS: Final = {
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "equal": "=",
    "notEqual": "!=",
}


@tools.register("soda")
def read_soda(raw: bytes, given: Given) -> Report:
    """A scan is a run of a job named as its definition, and reads the tables that it checked."""
    scan = decoded(_SCAN, raw)
    naming = Naming(given)
    found: dict[str, list[Check]] = defaultdict(list)
    for one in (*scan.checks, *scan.automated_monitoring_checks):
        if one.table:  # a check between tables that names none is of no dataset
            found[one.table].append(_check(one))
    called = scan.definition_name or f"soda scan {scan.default_data_source or ''}".strip()
    job = tell.Job(given.job_namespace or "soda", called, "SODA", "SCAN")
    run = job.run(scan.scan_start_timestamp, scan.scan_end_timestamp, *sorted(found))
    inputs = [
        tell.checked(naming.of(table), checks, given.partition) for table, checks in found.items()
    ]
    events = [
        run.started(time_of(scan.scan_start_timestamp, "scanStartTimestamp")),
        run.ended(_ended_at(scan), error=_error(scan), inputs=inputs),
    ]
    return Report(events)


def _ended_at(scan: _Scan) -> datetime:
    """Soda cuts its times to seconds. It ended within that second, and not before its data came."""
    at = time_of(scan.scan_end_timestamp, "scanEndTimestamp")
    return at if at.microsecond else at.replace(microsecond=999_999)


def _error(scan: _Scan) -> str | None:
    """What kept a scan from checking all; Soda tells no outcome of what it could not check."""
    if not scan.has_errors:
        return None
    told = [log.message for log in scan.logs if log.level.upper() == "ERROR"]
    return told[0] if told else "it had errors"


def _check(one: _Check) -> Check:
    diagnostics = one.diagnostics or {}
    outcome = one.outcome or ""
    warned = outcome == "warn" or (outcome == "pass" and not diagnostics.get("fail"))
    thresholds = diagnostics.get("warn" if warned else "fail")
    return Check(
        f"{one.name} [{one.filter}]" if one.filter else one.name,
        _STATUSES.get(outcome, CheckStatus.SKIPPED),
        one.column,
        Severity.WARN if outcome == "warn" else Severity.ERROR,
        ", ".join(_limits(thresholds)) or None,
        _actual(diagnostics),
    )


def _limits(thresholds: Any) -> Iterator[str]:
    """Soda tells what it takes to fail; expected is the contrary."""
    if isinstance(thresholds, dict):
        for word, value in sorted(thresholds.items()):
            if word in _SIGNS:
                yield f"not {_SIGNS[word]} {_text(value)}"


def _actual(diagnostics: Json) -> str | None:
    value = diagnostics.get("value")
    if value is None:
        value = diagnostics.get("valueLabel")
    return None if value is None else _text(value)


def _text(value: object) -> str:
    if isinstance(value, float):
        return tell.number(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
