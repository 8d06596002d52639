"""How running jobs do: failures that they restart from, checkpoints that fail, slots that are taken."""

from __future__ import annotations

from typing import Final

from adapters.base.parts import Look
from adapters.flink.site import Site
from adapters.flink.wire import AILING, ENDED, Job
from hub.model import BacklogObserved, HealthObserved, HealthStatus, Observation
from hub.ports import Json

#: Running jobs whose checkpoints one look asks for.
ROUND: Final = 20


def look(site: Site, state: Json) -> Look:
    """state: `ill`, the names of jobs that were told to do badly, and `next`, where it goes on."""
    jobs = sorted((job for job in site.jobs if job.state not in ENDED), key=lambda job: job.jid)
    first = state.get("next", 0) if state.get("next", 0) < len(jobs) else 0
    asked = {job.jid for job in jobs[first : first + ROUND]}
    before = dict(state.get("ill", {}))
    ill: dict[str, str] = {}
    for job in jobs:
        if job.jid in asked or job.state in AILING:
            reason = _reason(site, job)
        else:
            reason = before.get(job.name)
        if reason:
            ill[job.name] = reason
    told: list[Observation] = [_part(site, name, ill[name]) for name in sorted(ill)]
    told += [_part(site, name, None) for name in sorted(before.keys() - ill.keys())]
    return Look(observations=told, state={"ill": ill, "next": first + ROUND})


def slots(site: Site, state: Json) -> Look:  # noqa: ARG001
    """Slots of the cluster, and tasks that wait for one."""
    seen = site.api.overview()
    waits = sum(job.tasks.get("scheduled", 0) for job in site.jobs if job.state not in ENDED)
    taken = max(0, seen.slots_total - seen.slots_available)
    sample = BacklogObserved("slots", waits, site.as_of, running=taken, capacity=seen.slots_total)
    return Look(observations=[sample])


def _reason(site: Site, job: Job) -> str | None:
    """Why it does badly; None if it doesn't."""
    if job.state in AILING:
        first = site.api.exceptions(job.jid).latest.partition("\n")[0]
        return f"{job.state}: {first}" if first else job.state
    latest = site.api.checkpoints(job.jid).latest
    failed, done = latest.failed, latest.completed
    if failed is None or (done is not None and done.id > failed.id):
        return None
    return f"checkpoint {failed.id} failed: {failed.failure_message or 'it is not told why'}"


def _part(site: Site, name: str, reason: str | None) -> HealthObserved:
    status = HealthStatus.DEGRADED if reason else HealthStatus.HEALTHY
    return HealthObserved(status, site.as_of, f"job {name}", reason)
