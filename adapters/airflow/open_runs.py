"""Runs that the hub believes open and no pass brings: ends that were missed, and deletions.

Airflow keeps no trace of a deleted run, and a row that waits is not touched for hours. So now and
then the open runs are looked up by name. A job's name does not tell where the Dag's ends and the
task's begins (both may have dots), so every way to split it is asked for at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from adapters.airflow import events, ids, runs
from adapters.airflow.api import ROWS, seg
from adapters.airflow.site import Look, Site
from adapters.airflow.wire import DagRun, DagRuns, TaskInstance, TaskInstances
from hub.ports import Json, KnownRun, RunName

LIMIT: Final = 100
#: Runs that no list has; each costs a request.
SINGLY: Final = 20


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs."""
    open_runs = {known.name: known for known in site.known.open_runs(LIMIT)}
    if not open_runs:
        return Look(state=state)
    rows, all_of_them = _tasks(site, list(open_runs))
    mine = [row for row in rows if ids.task_name(site.namespace, row) in open_runs]
    found = runs.task_events(site, mine)
    seen = {ids.task_name(site.namespace, row) for row in mine}
    alive = _open_dag_runs(site)
    found += site.run_events(alive)
    seen |= {ids.run_name(site.namespace, row) for row in alive}
    missing = [known for name, known in open_runs.items() if name not in seen]
    if all_of_them:
        found += _one_by_one(site, missing[:SINGLY])
    return Look(found, state=state)


def _tasks(site: Site, names: Sequence[RunName]) -> tuple[Sequence[TaskInstance], bool]:
    """Task instances that may be meant by the names; False if there are more than were answered."""
    splits = [split for name in names for split in splits_of(name.job.name)]
    if not splits:
        return [], True
    body = {
        "dag_ids": sorted({dag for dag, _ in splits}),
        "dag_run_ids": sorted({name.natural_id for name in names}),
        "task_ids": sorted({task for _, task in splits}),
        "page_limit": 1000,
    }
    if site.api.is_old:
        body.pop("task_ids")  # Airflow 2 refuses what it does not know
    path = "/dags/~/dagRuns/~/taskInstances/list"
    page = site.api.search(path, TaskInstances, body)
    return page.task_instances, len(page.task_instances) >= page.total_entries


def _open_dag_runs(site: Site) -> list[DagRun]:
    params = {"state": ["queued", "running"], "limit": ROWS}
    return site.api.get("/dags/~/dagRuns", DagRuns, params).dag_runs


def _one_by_one(site: Site, missing: Iterable[KnownRun]) -> list[Json]:
    found: list[Json] = []
    for known in missing:
        path = f"/dags/{seg(known.name.job.name)}/dagRuns/{seg(known.name.natural_id)}"
        row = site.api.find(path, DagRun)
        found += [_deleted(known, site.as_of)] if row is None else site.run_events([row])
    return found


def _deleted(known: KnownRun, at: datetime) -> Json:
    run_id = UUID(bytes=known.run_id)
    return events.ended_event(known.name, run_id, known.attempt, "deleted", at)


def splits_of(job: str) -> list[tuple[str, str]]:
    """Each (Dag, task) that may have this job's name."""
    parts = job.split(".")
    return [(".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts))]
