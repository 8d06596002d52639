"""Whether a dataset (partition) is good to publish. Pure: facts in, an answer with reasons out.

    judge(GateSpec(), facts, now).passed      # True, False, or None: that can't be said yet

Every part that is asked for says a sentence of its own. One that fails closes the gate; one that
is not known yet keeps it from opening.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from hub.model import SEVERITIES, CheckStatus, IncidentSeverity, Severity
from hub.rules.base import CheckName, CheckSeen, spoken
from hub.schedules.deadlines import deadline

#: A check that reported of none of so many updates before is not waited for.
AWAITED_OF: Final = 5
#: So many checks or incidents are told one by one.
_TOLD: Final = 3


# -- what is asked -----------------------------------------------------------------------------


class ChecksPassed(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Checks that have passed since the latest update.

    names: these alone, and each must have reported; `*` is any text. Empty: all that report.
    severity: a check that failed less severely than that closes no gate.
    """

    names: tuple[str, ...] = ()
    severity: Severity = Severity.WARN


class NoIncident(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """No open incident of the dataset. producer: nor of the job that updated it last.

    severity: the mildest that counts. kinds: of the rules; empty: all.
    """

    severity: IncidentSeverity = "info"
    kinds: tuple[str, ...] = ()
    producer: bool = False


class GateSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a gate asks for; a None asks for nothing.

    policy: the freshness policy of the dataset holds, if it has one. fresh_within_s: the dataset
    (partition) was updated within so many seconds. rows: its latest update wrote at least so many.
    """

    checks: ChecksPassed | None = ChecksPassed()
    incidents: NoIncident | None = NoIncident()
    policy: bool = True
    fresh_within_s: float | None = None
    rows: int | None = None


# -- what is known -----------------------------------------------------------------------------


class IncidentSeen(Struct, frozen=True):
    """An open incident. of: the subject, for people. partition: the one that it is about."""

    id: int
    kind: str
    severity: str
    reason: str
    since: datetime
    of_producer: bool = False
    of: str = ""
    partition: str | None = None


class PolicySeen(Struct, frozen=True):
    """A declared freshness policy: an age in seconds, or the ticks of a cron."""

    max_lag_s: float
    cron: str | None = None
    timezone: str = "UTC"


class GateFacts(Struct, frozen=True, kw_only=True):
    """What is known of a dataset, or of one partition of it, since its latest update.

    updated_at, rows: of the latest update of the partition. last_update_at: of any partition.
    checks: the latest result of each check since that update. awaited: checks that reported of
    one of the updates before.
    """

    name: str
    partition: str = ""
    updated_at: datetime | None = None
    rows: int | None = None
    last_update_at: datetime | None = None
    checks: Sequence[CheckSeen] = ()
    awaited: Sequence[CheckName] = ()
    incidents: Sequence[IncidentSeen] = ()
    policy: PolicySeen | None = None


# -- what is answered --------------------------------------------------------------------------


class Part(Struct, frozen=True):
    """One thing that was asked for: update, checks, incidents, policy, freshness or rows."""

    name: str
    passed: bool | None
    reason: str
    again_at: datetime | None = None


class GateAnswer(Struct, frozen=True):
    """passed: None where something is not known yet, and nothing is wrong.

    again_at: when time alone changes the answer.
    """

    passed: bool | None
    reasons: tuple[str, ...]
    again_at: datetime | None = None
    parts: tuple[Part, ...] = ()


def judge(spec: GateSpec, facts: GateFacts, now: datetime) -> GateAnswer:
    """The answer of the gate, what is wrong told first."""
    parts = sorted(_parts(spec, facts, now), key=_worst_first)
    return answer_of(parts)


def answer_of(parts: Sequence[Part]) -> GateAnswer:
    found = {part.passed for part in parts}
    passed = False if False in found else None if None in found else True
    times = [part.again_at for part in parts if part.again_at is not None]
    reasons = tuple(part.reason for part in parts)
    return GateAnswer(passed, reasons, min(times, default=None), tuple(parts))


def _worst_first(part: Part) -> int:
    return (False, None, True).index(part.passed)


def _parts(spec: GateSpec, facts: GateFacts, now: datetime) -> Iterator[Part]:
    yield _update(facts, now)
    if spec.checks is not None and facts.updated_at is not None:
        yield _checks(spec.checks, facts)
    if spec.incidents is not None:
        yield _incidents(spec.incidents, facts)
    if spec.policy and facts.policy is not None:
        yield _policy(facts.policy, facts, now)
    if spec.fresh_within_s is not None and facts.updated_at is not None:
        yield _fresh(spec.fresh_within_s, facts.updated_at, now)
    if spec.rows is not None and facts.updated_at is not None:
        yield _rows(spec.rows, facts)


def _good(name: str, reason: str, until: datetime | None = None) -> Part:
    return Part(name, passed=True, reason=reason, again_at=until)


def _bad(name: str, reason: str) -> Part:
    return Part(name, passed=False, reason=reason)


def _unsure(name: str, reason: str) -> Part:
    return Part(name, passed=None, reason=reason)


# -- its parts ---------------------------------------------------------------------------------


def _update(facts: GateFacts, now: datetime) -> Part:
    what = f"partition {facts.partition} of {facts.name}" if facts.partition else facts.name
    if facts.updated_at is None:
        return _unsure("update", f"{what} was never updated")
    ago = spoken(max(0.0, (now - facts.updated_at).total_seconds()))
    return _good("update", f"{what} was last updated at {_said(facts.updated_at)}, {ago} ago")


def _checks(wanted: ChecksPassed, facts: GateFacts) -> Part:
    mine = [one for one in facts.checks if _takes(wanted, one.name.name)]
    failed = [one for one in mine if _fails(one, wanted)]
    missing = list(_missing(wanted, mine, facts.awaited))
    passed = sum(one.status is CheckStatus.PASSED for one in mine)
    counted = f"{passed} of {len(mine) + len(missing)} checks passed since the update"
    if failed:
        told = _some([f"check {_named(one.name)} failed{_values(one)}" for one in failed])
        return _bad("checks", f"{told} ({counted})")
    if missing:
        verb = "has" if len(missing) == 1 else "have"
        return _unsure("checks", f"{_some(missing)} {verb} not reported yet ({counted})")
    return _good("checks", counted if mine else "no check reports of it")


def _takes(wanted: ChecksPassed, name: str) -> bool:
    return not wanted.names or any(fnmatchcase(name, glob) for glob in wanted.names)


def _fails(one: CheckSeen, wanted: ChecksPassed) -> bool:
    mild = one.severity is Severity.WARN and wanted.severity is Severity.ERROR
    return one.status is CheckStatus.FAILED and not mild


def _missing(
    wanted: ChecksPassed, reported: Iterable[CheckSeen], awaited: Iterable[CheckName]
) -> Iterator[str]:
    """Checks that must report and have not; one that is named and was skipped has not."""
    there = {(one.name.name, one.name.column) for one in reported}
    owed = sorted({(one.name, one.column) for one in awaited if _takes(wanted, one.name)} - there)
    yield from (f"check {_of_column(name, column)}" for name, column in owed)
    ran = {one.name.name for one in reported if one.status is not CheckStatus.SKIPPED}
    told = ran | {name for name, _ in owed}
    for glob in wanted.names:
        if not any(fnmatchcase(name, glob) for name in told):
            yield f"check {glob}"


def _named(name: CheckName) -> str:
    return _of_column(name.name, name.column)


def _of_column(name: str, column: str) -> str:
    return f"{name} of column {column}" if column else name


def _values(one: CheckSeen) -> str:
    told = ((one.actual, "found"), (one.expected, "expected"))
    words = [f"{value[:60]} {word}" for value, word in told if value is not None]
    return f": {', '.join(words)}" if words else ""


def _incidents(wanted: NoIncident, facts: GateFacts) -> Part:
    found = [one for one in facts.incidents if _counts(one, wanted, facts.partition)]
    if not found:
        return _good("incidents", "no open incident")
    found.sort(key=lambda one: (-SEVERITIES.index(one.severity), one.since, one.id))
    told = [f"#{one.id} {one.kind} ({one.severity}){one.of}: {one.reason}" for one in found]
    word = "incident" if len(found) == 1 else "incidents"
    return _bad("incidents", f"{len(found)} open {word}: {_some(told, '; ')}")


def _counts(one: IncidentSeen, wanted: NoIncident, partition: str) -> bool:
    elsewhere = bool(partition and one.partition and one.partition != partition)
    return (
        not elsewhere
        and (wanted.producer or not one.of_producer)
        and SEVERITIES.index(one.severity) >= SEVERITIES.index(wanted.severity)
        and (not wanted.kinds or one.kind in wanted.kinds)
    )


def _policy(policy: PolicySeen, facts: GateFacts, now: datetime) -> Part:
    if facts.last_update_at is None:
        return _unsure("policy", "its freshness policy can't be judged: it was never updated")
    over_at, asked = _term(policy, facts.last_update_at)
    if over_at is None or now < over_at:
        until = "" if over_at is None else f" until {_said(over_at)}"
        return _good("policy", f"fresh by its policy ({asked}){until}", over_at)
    late = spoken((now - over_at).total_seconds())
    return _bad("policy", f"stale by its policy ({asked}) for {late}")


def _term(policy: PolicySeen, updated_at: datetime) -> tuple[datetime | None, str]:
    if policy.cron is None:
        lag = timedelta(seconds=policy.max_lag_s)
        return updated_at + lag, f"at most {spoken(policy.max_lag_s)} old"
    bound = timedelta(seconds=policy.max_lag_s) if policy.max_lag_s else None
    asked = f"an update by each {policy.cron} {policy.timezone}"
    return deadline(policy.cron, policy.timezone, updated_at, bound), asked


def _fresh(within_s: float, updated_at: datetime, now: datetime) -> Part:
    age, over_at = (now - updated_at).total_seconds(), updated_at + timedelta(seconds=within_s)
    if now <= over_at:
        told = f"updated within {spoken(within_s)}, which it is until {_said(over_at)}"
        return _good("freshness", told, over_at)
    told = f"updated {spoken(age)} ago, which is more than {spoken(within_s)}"
    return _bad("freshness", told)


def _rows(least: int, facts: GateFacts) -> Part:
    if facts.rows is None:
        return Part(
            "rows", None, f"at least {least:,} rows are asked for, and nobody told how many"
        )
    if facts.rows < least:
        return _bad("rows", f"{facts.rows:,} rows, fewer than the {least:,} that are asked for")
    return _good("rows", f"{facts.rows:,} rows, at least {least:,} are asked for")


def _some(told: Sequence[str], between: str = ", ") -> str:
    rest = len(told) - _TOLD
    return between.join(told[:_TOLD]) + (f" and {rest} more" if rest > 0 else "")


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
