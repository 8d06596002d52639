"""What an orchestrator is asked for a launch, and whether it may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from hub.ports import (
    Adapter,
    BackfillPlan,
    FailedRun,
    Json,
    Launched,
    LaunchKind,
    LaunchRequest,
    LeasedLaunch,
    Span,
)
from hub.schedules.spelling import spelt_like
from hub.store import launches as store
from hub.store.db import Connection
from hub.store.launch_causes import cause_run
from hub.store.launch_spans import spans_of
from hub.store.partition_facts import latest_key
from hub.triggers.grants import InForce

#: How an adapter is asked for a launch.
Asking = Callable[[Adapter], Launched]


def request_of(
    connection: Connection, grants: InForce, one: LeasedLaunch
) -> tuple[str | None, LaunchRequest]:
    """Why it may not be launched, or None; and what to ask for."""
    owner = store.owner_of(connection, one.job)
    why_not = grants.why_not(one.team, owner, one.orchestrator, one.job, one.conf)
    cause = cause_run(connection, one.cause)
    partition = one.partition
    if partition is not None and (example := latest_key(connection, one.job)) is not None:
        partition = spelt_like(partition, example)
    failed = _failed_of(one.cause) if one.kind is LaunchKind.RERUN else None
    return why_not, LaunchRequest(
        one.key, one.job, partition, one.conf, one.note, one.kind, cause, failed
    )


def _failed_of(cause: Json) -> FailedRun:
    told = cause["failed"]
    return FailedRun(told["run"], datetime.fromisoformat(told["endedAt"]))


def asking_of(
    connection: Connection, grants: InForce, one: LeasedLaunch
) -> tuple[str | None, Asking]:
    """Why it may not be launched, or None; and how its orchestrator is asked."""
    why_not, request = request_of(connection, grants, one)
    if one.kind is LaunchKind.BACKFILL:
        plan = plan_of(request, spans_of(connection, one.id), one.at_once)
        return why_not, lambda adapter: adapter.backfill(plan)
    return why_not, lambda adapter: _asked(adapter, request, again=one.asked_before)


def plan_of(request: LaunchRequest, spans: Sequence[Span], at_once: int) -> BackfillPlan:
    return BackfillPlan(request.key, request.job, spans, request.conf, at_once, request.note)


def _asked(adapter: Adapter, request: LaunchRequest, *, again: bool) -> Launched:
    """The run of the request; what may have been asked for before is looked for first."""
    found: Any = adapter.find_launched(request) if again else None
    return adapter.launch(request) if found is None else found
