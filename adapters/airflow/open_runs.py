"""Runs that the hub believes open and no pass brings: ends that were missed, and deletions.

Airflow keeps no trace of a deleted run, and a row that waits is not touched for hours. So now and
then the open runs are looked up by name. A job's name does not tell where the Dag's ends and the
task's begins (both may have dots), so every way to split it is asked for at once.

What we don't find was not necessarily deleted: the run may be somebody else's who sends under the
same name (a Spark application that a task started), or that of a Dag we may not read. An end that
we make up can't be taken back, so in doubt nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from adapters.airflow import events, ids, runs
from adapters.airflow.api import seg
from adapters.airflow.site import Site
from adapters.airflow.wire import DagRun, DagRuns, TaskInstance, TaskInstances
from adapters.base import Answer
from adapters.base.parts import Look
from hub.ports import Json, KnownRun, RunName

#: Open runs that one round looks up, of those that the hub is asked for.
ROUND: Final = 100
OPEN: Final = 5_000
#: Runs that no list has; each costs a request or more.
SINGLY: Final = 20
ROWS: Final = 1_000


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs. state: `next`, where among them it goes on.

    An answer that says nothing new leaves no trace in the hub, so it is we who go round.
    """
    ours = [run for run in site.known.open_runs(OPEN) if _is_ours(run.name, site.namespace)]
    first = state.get("next", 0) if state.get("next", 0) < len(ours) else 0
    open_runs = {known.name: known for known in ours[first : first + ROUND]}
    if not open_runs:
        return Look()
    rows, all_of_them = _tasks(site, list(open_runs))
    mine = [row for row in rows if ids.task_name(site.namespace, row) in open_runs]
    found = runs.task_events(site, mine)
    seen = {ids.task_name(site.namespace, row) for row in mine}
    alive = _open_dag_runs(site, list(open_runs))
    found += site.run_events(alive)
    seen |= {ids.run_name(site.namespace, row) for row in alive}
    missing = [known for name, known in open_runs.items() if name not in seen]
    if all_of_them:
        found += _one_by_one(site, missing[:SINGLY])
    return Look(found, state={"next": first + ROUND})


def _tasks(site: Site, names: Sequence[RunName]) -> tuple[Sequence[TaskInstance], bool]:
    """Task instances that may be meant by the names; False if there are more than were answered."""
    splits = [split for name in names for split in splits_of(name.job.name)]
    if not splits:
        return [], True
    body = {
        "dag_ids": sorted({dag for dag, _ in splits}),
        "dag_run_ids": sorted({name.natural_id for name in names}),
        "task_ids": sorted({task for _, task in splits}),
        "page_limit": ROWS,
    }
    if site.api.is_old:
        body.pop("task_ids")  # Airflow 2 refuses what it does not know
    path = "/dags/~/dagRuns/~/taskInstances/list"
    page = site.api.search(path, TaskInstances, body)
    return page.task_instances, len(page.task_instances) >= page.total_entries


def _open_dag_runs(site: Site, names: Sequence[RunName]) -> list[DagRun]:
    dags = sorted({name.job.name for name in names})
    body = {"dag_ids": dags, "states": ["queued", "running"], "page_limit": ROWS}
    return site.api.search("/dags/~/dagRuns/list", DagRuns, body).dag_runs


def _is_ours(name: RunName, namespace: str) -> bool:
    """Whether Airflow can know it: a run that never told an id of its own is named by a UUID."""
    try:
        UUID(name.natural_id)
    except ValueError:
        return name.job.namespace == namespace
    return False


def _one_by_one(site: Site, missing: Iterable[KnownRun]) -> list[Json]:
    found: list[Json] = []
    for known in missing:
        name = known.name
        own = _dag_run(site, name.job.name, name.natural_id)
        dags = [_dag_run(site, dag, name.natural_id) for dag, _ in splits_of(name.job.name)]
        if own.ok:
            path = f"/dags/{name.job.name}/dagRuns"
            found += site.run_events([site.api.read(own, path, DagRun)])
        elif all(one.ok or one.status == HTTPStatus.NOT_FOUND for one in (own, *dags)):
            found.append(_deleted(known, site.as_of))
    return found


def _dag_run(site: Site, dag: str, run: str) -> Answer:
    return site.api.ask("GET", f"/dags/{seg(dag)}/dagRuns/{seg(run)}")


def _deleted(known: KnownRun, at: datetime) -> Json:
    run_id = UUID(bytes=known.run_id)
    return events.ended_event(known.name, run_id, known.attempt, "deleted", at)


def splits_of(job: str) -> list[tuple[str, str]]:
    """Each (Dag, task) that may have this job's name."""
    parts = job.split(".")
    return [(".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts))]
