"""Pipelines and recurring runs: what they are, and when they are meant to run."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from adapters.base.parts import Look
from adapters.kubeflow.events import KUBEFLOW
from adapters.kubeflow.schedule import as_written, schedule_of
from adapters.kubeflow.site import Site
from adapters.kubeflow.wire import Pipeline, RecurringRun, moment
from hub.model import Observation, Schedule, ScheduleObserved
from hub.ports import Json


def recurring(site: Site, state: Json) -> Look:
    """All recurring runs, told if anything changed. state: `print` of what was told, and `timed`, the
    jobs that have a schedule, to tell when one has none any more.
    """
    rows = site.api.recurring()
    print_ = _print(rows)
    if print_ == state.get("print"):
        return Look(state=state)
    site.names.learn_recurring(rows)
    told = {site.names.recurring[row.recurring_run_id]: row for row in rows}
    found = {name: schedule_of(row, site.timezone) for name, row in told.items()}
    timed = sorted(name for name, schedule in found.items() if schedule.kind != "manual")
    gone = dict.fromkeys(set(state.get("timed", [])) - found.keys(), Schedule("manual"))
    seen: list[Observation] = [
        ScheduleObserved(site.place.job(name), schedule, site.as_of)
        for name, schedule in sorted((found | gone).items())
    ]
    events = [_recurring_event(site, name, row) for name, row in sorted(told.items())]
    return Look(events, seen, {"print": print_, "timed": timed})


def pipelines(site: Site, state: Json) -> Look:
    """All pipelines, each of which can be launched. state: `print` of what was told."""
    rows = site.api.pipelines()
    print_ = _print(rows)
    if print_ == state.get("print"):
        return Look(state=state)
    site.names.learn_pipelines(rows)
    return Look([_pipeline_event(site, row) for row in rows], state={"print": print_})


def _recurring_event(site: Site, name: str, row: RecurringRun) -> Json:
    facets = KUBEFLOW.job_facets("RECURRING_RUN", about=row.description or None)
    facets["kubeflow_recurring_run"] = KUBEFLOW.own_facet(
        "kubeflow_recurring_run", id=row.recurring_run_id, schedule=as_written(row)
    )
    return KUBEFLOW.job_event(moment(row.created_at) or site.as_of, site.place.job(name), facets)


def _pipeline_event(site: Site, row: Pipeline) -> Json:
    facets = KUBEFLOW.job_facets("PIPELINE", about=row.description or None)
    at = moment(row.created_at) or site.as_of
    return KUBEFLOW.job_event(at, site.place.job(row.called), facets)


def _print(rows: Any) -> str:
    return hashlib.blake2b(msgspec.json.encode(rows), digest_size=12).hexdigest()
