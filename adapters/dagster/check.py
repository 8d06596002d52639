"""What works of a connection, and what doesn't."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from adapters.dagster.graphql import GraphQL
from adapters.dagster.health import health
from adapters.dagster.pulse import Pulse, read_pulse
from adapters.dagster.queries import CHECK
from hub.errors import Unavailable
from hub.model import HealthStatus
from hub.ports import Finding, Grade

OLDEST: Final = (1, 9)
#: What each permission is needed for; watching needs none of them.
_NEEDED: Final = {
    "launch_pipeline_execution": "starting jobs",
    "launch_partition_backfill": "backfills",
    "terminate_pipeline_execution": "cancelling a run that was started twice",
}


class _Permission(Struct, frozen=True):
    permission: str
    value: bool = False


class _Answer(Struct, frozen=True):
    version: str = ""
    permissions: list[_Permission] | None = None


def findings(graphql: GraphQL, *, authenticated: bool) -> Iterator[Finding]:
    try:
        answer, _ = graphql.query(CHECK, _Answer)
    except Unavailable as error:
        yield Finding(
            "address",
            Grade.BAD,
            str(error),
            "check `url` and `token`, and that the hub may reach it",
        )
        return
    yield Finding("address", Grade.GOOD, f"Dagster {answer.version} at {graphql.http.url}")
    yield _version(answer.version)
    yield _token(graphql.http.url, authenticated=authenticated)
    yield from _permissions(answer.permissions or [])
    try:
        pulse, date = read_pulse(graphql)
    except Unavailable as error:
        yield Finding("reading", Grade.BAD, str(error), "the token needs at least the role Viewer")
        return
    yield Finding("reading", Grade.GOOD, f"{pulse.running.count or 0} runs are running")
    yield from _parts(pulse, date or datetime.now(UTC))
    yield _clock(graphql.http.skew_s)


def _version(version: str) -> Finding:
    told = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if told and told < OLDEST:
        mend = "fields that this Dagster doesn't know are left out; 1.9 or later is tried"
        return Finding("version", Grade.WARNING, f"Dagster {version} is older than 1.9", mend)
    return Finding("version", Grade.GOOD, version)


def _token(url: str, *, authenticated: bool) -> Finding:
    if authenticated or ".dagster.cloud" not in url:
        told = "sent and accepted" if authenticated else "none; an open source Dagster has none"
        return Finding("token", Grade.GOOD, told)
    mend = "set `token` to a reference to a user token"
    return Finding("token", Grade.WARNING, "none, though this is Dagster+", mend)


def _permissions(told: list[_Permission]) -> Iterator[Finding]:
    granted = {one.permission: one.value for one in told}
    for permission, purpose in _NEEDED.items():
        if granted.get(permission):
            yield Finding(permission, Grade.GOOD, f"granted, for {purpose}")
        else:
            mend = f"only for {purpose}: give the token's user the role Launcher or Editor"
            yield Finding(permission, Grade.WARNING, "not granted", mend)


def _parts(pulse: Pulse, now: datetime) -> Iterator[Finding]:
    if not pulse.locations:
        mend = "add a code location to Dagster's workspace"
        yield Finding("code locations", Grade.WARNING, "none is known", mend)
    for part in health(pulse, now, now):
        if part.part and part.status is not HealthStatus.HEALTHY:
            mend = "look at Dagster's page Deployment"
            yield Finding(part.part, Grade.WARNING, part.detail or part.status.value, mend)


def _clock(skew_s: float | None) -> Finding:
    if skew_s is not None and abs(skew_s) > 60:
        mend = "set both clocks by NTP"
        return Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", mend)
    return Finding("clock", Grade.GOOD)
