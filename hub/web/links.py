"""Addresses of the pages of things."""

from __future__ import annotations

from hub.ports.pages import dataset, incident, job, run, to
from hub.store.incident_views import IncidentView
from hub.web.site import environment

__all__ = ["dataset", "incident", "job", "run", "subject"]


def orchestrator(name: str) -> str:
    return to("orchestrator", name=name)


def subject(one: IncidentView) -> tuple[str, str | None]:
    """What an incident is about: its name, and its page if there is one."""
    if one.job is not None:
        return one.job.name, job(one.job)
    if one.dataset is not None:
        return one.dataset.name, dataset(one.dataset)
    if one.orchestrator is not None:
        return one.orchestrator, orchestrator(one.orchestrator)
    return one.target or one.rule, None


environment.globals.update(
    job_page=job,
    dataset_page=dataset,
    run_page=run,
    incident_page=incident,
    orchestrator_page=orchestrator,
    subject_of=subject,
)
