"""Jobs: Flink tells all that it knows at once; what it has forgotten has ended, or is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from adapters.base.parts import Look
from adapters.flink.events import JOB_ID, lost_event, run_event
from adapters.flink.site import Site, text_of, time_of
from adapters.flink.wire import Job
from hub.model import WatermarkObserved
from hub.ports import Json

#: Jobs that failed of which one look asks why.
SINGLY: Final = 60
OPEN: Final = 5_000
#: A JobManager that takes over from another one knows jobs only after a while.
PATIENCE: Final = timedelta(minutes=10)


def look(site: Site, state: Json) -> Look:
    """state: `told`, what was told of each job that Flink still knows."""
    site.jobs = site.api.jobs()
    before = state.get("told", {})
    now = {job.jid: _mark(job) for job in site.jobs}
    found: list[Json] = []
    left = SINGLY
    for job in site.jobs:
        if before.get(job.jid) == now[job.jid]:
            continue
        if job.state == "FAILED" and left <= 0:
            now.pop(job.jid)  # the next look asks why
            continue
        left -= job.state == "FAILED"
        found += _told(site, job)
    more = len(now) < len({job.jid for job in site.jobs})
    marks = [] if more else [WatermarkObserved(complete_to=site.as_of, observed_at=site.as_of)]
    return Look(found, marks, {"told": now}, more=more)


def lost(site: Site, state: Json) -> Look:
    """Runs that the hub believes open and Flink does not know. state: `missing`, since when each is."""
    there = {job.jid for job in site.jobs}
    ours = [
        run
        for run in site.known.open_runs(OPEN)
        if run.name.job.namespace == site.place.namespace and JOB_ID.fullmatch(run.name.natural_id)
    ]
    before = state.get("missing", {})
    missing: dict[str, str] = {}
    found: list[Json] = []
    for run in ours:
        jid = run.name.natural_id
        since = time_of(before.get(jid)) or site.as_of
        if jid in there:
            continue
        missing[jid] = text_of(since)
        if site.as_of - since >= PATIENCE:
            found.append(lost_event(run.name.job, jid, run.attempt, site.as_of))
    return Look(found, state={"missing": missing})


def _told(site: Site, job: Job) -> list[Json]:
    failure = site.api.exceptions(job.jid).latest if job.state == "FAILED" else ""
    event = run_event(job, site.place, failure)
    return [] if event is None else [event]


def _mark(job: Job) -> str:
    return f"{job.state} {job.start_time} {job.end_time}"
