"""Cron workflows and templates: what they are, when they are meant to run, what is wrong with them.

Argo reads crons by robfig/cron: due each time the clock shows it (timing `shown`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from adapters.argo.events import ARGO
from adapters.argo.site import Site
from adapters.argo.wire import ABOUT, CronWorkflow, Meta
from adapters.base.crons import told_of
from adapters.base.parts import Look
from hub.model import HealthObserved, HealthStatus, Observation, Schedule, ScheduleObserved
from hub.ports import Json

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
    told = [told_of(one, spec.timezone or zone) for one in spec.all]
    known = sorted({one for one in told if one is not None})
    alike = len({(one.kind, one.timezone) for one in known}) == 1
    if spec.when or None in told or not alike or (known[0].kind == "interval" and len(known) > 1):
        return Schedule("manual")
    first, deadline = known[0], spec.starting_deadline_seconds
    return Schedule(
        first.kind,
        "\n".join(one.expression for one in known),
        first.timezone,
        paused=spec.suspend or row.status.phase == "Stopped",
        max_active_runs=1 if spec.concurrency_policy == "Forbid" else None,
        timing="shown" if first.kind == "cron" else "trigger",
        grace_s=float(deadline) if deadline else None,
    )


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
