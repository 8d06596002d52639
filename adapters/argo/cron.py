"""Cron workflows and templates: what they are, when they are meant to run, what is wrong with them.

Argo reads crons by robfig/cron: due each time the clock shows it (timing `shown`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from adapters.argo.events import ARGO
from adapters.argo.site import Site
from adapters.argo.wire import ABOUT, CronWorkflow, Meta
from adapters.base.parts import Look
from hub.model import HealthObserved, HealthStatus, Observation, Schedule, ScheduleObserved
from hub.ports import Json

_ZONED: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.+)")
_EVERY: Final = re.compile(r"@every\s+(?=\S)((?:\d+(?:\.\d+)?(?:h|m|s|ms))+)")
_STEP: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PRESETS: Final = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)
#: Conditions that say that it does not run.
_ILL: Final = ("SubmissionError", "SpecError")


def look(site: Site, state: Json) -> Look:
    """All cron workflows, told if anything was declared anew. state: `print` of what was told, `timed`,
    the jobs that have a schedule, and `ill`, those that were told not to run.
    """
    rows = sorted(site.api.cron_workflows(), key=lambda row: _name(row.metadata))
    seen, ill = _health(site, rows, state.get("ill", []))
    kept = [[row.metadata, row.spec, row.status.phase] for row in rows]
    print_ = _print(kept)
    if print_ == state.get("print"):
        return Look(observations=seen, state={**state, "ill": ill})
    told = {_name(row.metadata): schedule_of(row, site.timezone) for row in rows}
    timed = sorted(name for name, schedule in told.items() if schedule.kind != "manual")
    gone = dict.fromkeys(set(state.get("timed", [])) - told.keys(), Schedule("manual"))
    seen += [
        ScheduleObserved(site.place.job(name), schedule, site.as_of)
        for name, schedule in sorted((told | gone).items())
    ]
    events = [_event(site, row) for row in rows]
    return Look(events, seen, {"print": print_, "timed": timed, "ill": ill})


def templates(site: Site, state: Json) -> Look:
    """Workflow templates, each of which can be launched. state: `print` of what was told."""
    metas = sorted((row.metadata for row in site.api.templates()), key=_name)
    print_ = _print(metas)
    if print_ == state.get("print"):
        return Look(state=state)
    return Look([_job(site, meta, "TEMPLATE") for meta in metas], state={"print": print_})


def schedule_of(row: CronWorkflow, zone: str) -> Schedule:
    """zone: that of the controller. Nothing is told of what would not be exact: of schedules under a
    condition (`when`), of several with intervals among them, or of several time zones.
    """
    spec = row.spec
    told = [_told(one.strip(), spec.timezone or zone) for one in spec.all]
    known = sorted({one for one in told if one is not None})
    alike = len({(kind, name) for kind, name, _ in known}) == 1
    if spec.when or None in told or not alike or (known[0][0] == "interval" and len(known) > 1):
        return Schedule("manual")
    kind, name, _ = known[0]
    deadline = spec.starting_deadline_seconds
    return Schedule(
        kind,
        "\n".join(text for _, _, text in known),
        name,
        paused=spec.suspend or row.status.phase == "Stopped",
        max_active_runs=1 if spec.concurrency_policy == "Forbid" else None,
        timing="shown" if kind == "cron" else "trigger",
        grace_s=float(deadline) if deadline else None,
    )


def _told(text: str, zone: str) -> tuple[str, str, str] | None:
    """Kind, time zone and expression; None if the hub has no words that mean the same."""
    if zoned := _ZONED.fullmatch(text):
        zone, text = zoned[1], zoned[2]
    try:
        zone = ZoneInfo(zone).key
    except (ValueError, LookupError, OSError):
        return None
    if every := _EVERY.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _STEP.findall(every[1]))
        step = timedelta(seconds=max(1.0, float(int(seconds))))  # as robfig/cron rounds it
        return "interval", "UTC", f"PT{int(step.total_seconds())}S"
    if text in _PRESETS:
        return "cron", zone, text
    fields = text.split()
    if len(fields) != 5:
        return None
    return "cron", zone, " ".join("*" if field == "?" else field for field in fields)


def _health(
    site: Site, rows: Sequence[CronWorkflow], before: Sequence[str]
) -> tuple[list[Observation], list[str]]:
    reasons = {_name(row.metadata): reason for row in rows if (reason := _illness(row))}
    told = [_part(site, name, reason) for name, reason in sorted(reasons.items())]
    mended = sorted(set(before) - reasons.keys())
    return [*told, *(_part(site, name, None) for name in mended)], sorted(reasons)


def _illness(row: CronWorkflow) -> str | None:
    found = (one for one in row.status.conditions or () if one.type in _ILL)
    return next((one.message or one.type for one in found if one.status != "False"), None)


def _part(site: Site, name: str, reason: str | None) -> HealthObserved:
    status = HealthStatus.DEGRADED if reason else HealthStatus.HEALTHY
    return HealthObserved(status, site.as_of, f"cron workflow {name}", reason)


def _event(site: Site, row: CronWorkflow) -> Json:
    ref = row.spec.workflow_spec.workflow_template_ref
    told = ARGO.own_facet(
        "argo_cron_workflow",
        schedules=row.spec.all or None,
        timezone=row.spec.timezone or None,
        when=row.spec.when or None,
        concurrencyPolicy=row.spec.concurrency_policy or None,
        template=ref.name if ref is not None and ref.name else None,
    )
    event = _job(site, row.metadata, "CRON_WORKFLOW")
    event["job"]["facets"]["argo_cron_workflow"] = told
    return event


def _job(site: Site, meta: Meta, kind: str) -> Json:
    tags = {key: value for key, value in meta.labels.items() if "argoproj.io/" not in key}
    facets = ARGO.job_facets(kind, tags=tags, about=next(_about(meta), None))
    at = meta.creation_timestamp or site.as_of
    return ARGO.job_event(at, site.place.job(_name(meta)), facets)


def _about(meta: Meta) -> Iterator[str]:
    return (text for key in ABOUT if (text := meta.annotations.get(key)))


def _name(meta: Meta) -> str:
    return f"{meta.namespace}/{meta.name}"


def _print(what: Any) -> str:
    return hashlib.blake2b(msgspec.json.encode(what), digest_size=12).hexdigest()
