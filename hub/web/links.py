"""Addresses of the pages of things."""

from __future__ import annotations

from hub.model import EntityName
from hub.store.incident_views import IncidentView
from hub.web.site import environment, to


def job(name: EntityName) -> str:
    return to("job", namespace=name.namespace, name=name.name)


def dataset(name: EntityName) -> str:
    return to("dataset", namespace=name.namespace, name=name.name)


def run(key: str, of: EntityName | None = None) -> str:
    """A Dagster run's id is shared by its jobs: `of` says which one is meant."""
    return to("run", id=key, job=None if of is None else f"{of.namespace}:{of.name}")


def incident(key: int) -> str:
    return to("incident", id=key)


def subject(one: IncidentView) -> tuple[str, str | None]:
    """What an incident is about: its name, and its page if there is one."""
    if one.job is not None:
        return one.job.name, job(one.job)
    if one.dataset is not None:
        return one.dataset.name, dataset(one.dataset)
    if one.orchestrator is not None:
        return one.orchestrator, to("orchestrators")
    return one.target or one.rule, None


environment.globals.update(
    job_page=job, dataset_page=dataset, run_page=run, incident_page=incident, subject_of=subject
)
