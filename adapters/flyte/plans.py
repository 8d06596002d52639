"""Launch plans that are active: what they are, and when they are meant to run."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from adapters.base.crons import told_of
from adapters.base.parts import Look
from adapters.flyte.events import FLYTE
from adapters.flyte.site import Site
from adapters.flyte.wire import Plan, Timing
from hub.model import Observation, Schedule, ScheduleObserved
from hub.ports import Json

_UNITS: Final = {"MINUTE": 60, "HOUR": 3600, "DAY": 86400}


def look(site: Site, state: Json) -> Look:
    """All active launch plans, told if anything changed. state: `print` of what was told, and `timed`,
    the jobs that have a schedule, to tell when one has none any more.
    """
    rows = [plan for place in site.places for plan in site.api.plans(place)]
    print_ = hashlib.blake2b(msgspec.json.encode(rows), digest_size=12).hexdigest()
    if print_ == state.get("print"):
        return Look(state=state)
    told = {row.job: schedule_of(row, site.timezone) for row in rows}
    timed = sorted(name for name, schedule in told.items() if schedule.kind != "manual")
    gone = dict.fromkeys(set(state.get("timed", [])) - told.keys(), Schedule("manual"))
    seen: list[Observation] = [
        ScheduleObserved(site.place.job(name), schedule, site.as_of)
        for name, schedule in sorted((told | gone).items())
    ]
    return Look([_event(site, row) for row in rows], seen, {"print": print_, "timed": timed})


def schedule_of(row: Plan, zone: str) -> Schedule:
    """Nothing is told of what would not be exact: offsets, and crons of AWS's kind."""
    policy = row.spec.concurrency_policy
    most = policy.max or None if policy is not None else None
    timing = _timing(row)
    kind, expression, zone = _told(timing, zone) if timing is not None else ("manual", "", "UTC")
    return Schedule(
        kind,
        expression,
        zone,
        paused=None if kind == "manual" else False,
        max_active_runs=most,
        timing="shown" if kind == "cron" else "trigger",
    )


def as_written(row: Plan) -> str | None:
    """In Flyte's own words, for people."""
    timing = _timing(row)
    if timing is None:
        return None
    if timing.cron_schedule is not None:
        return f"cron {timing.cron_schedule.schedule} {timing.cron_schedule.offset}".strip()
    rate = timing.rate
    return f"every {rate.value} {rate.unit}" if rate is not None else timing.cron_expression or None


def _told(timing: Timing, zone: str) -> tuple[str, str, str]:
    cron, rate = timing.cron_schedule, timing.rate
    if cron is not None and cron.schedule and not cron.offset:
        told = told_of(cron.schedule, zone)
        if told is not None:
            return told.kind, told.expression, told.timezone
    elif rate is not None and rate.value > 0 and rate.unit in _UNITS:
        return "interval", f"PT{rate.value * _UNITS[rate.unit]}S", "UTC"
    return "manual", "", "UTC"


def _timing(row: Plan) -> Timing | None:
    about = row.spec.entity_metadata
    return about.schedule if about is not None else None


def _event(site: Site, row: Plan) -> Json:
    facets = FLYTE.job_facets("LAUNCH_PLAN")
    workflow = row.spec.workflow_id
    facets["flyte_launch_plan"] = FLYTE.own_facet(
        "flyte_launch_plan",
        version=row.id.version or None,
        workflow=workflow.name if workflow is not None and workflow.name else None,
        schedule=as_written(row),
    )
    return FLYTE.job_event(row.closure.created_at or site.as_of, site.place.job(row.job), facets)
