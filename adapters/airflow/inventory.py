"""Dags: what they and their tasks are, when they are meant to run, whether they can be read.

The list is read page by page; details and tasks are asked for only where something changed: the
list's row (the cursor keeps a checksum of each), or the Dag's version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.airflow import dag_health, events
from adapters.airflow.api import ROWS, seg
from adapters.airflow.checksums import checksum, pack, unpack
from adapters.airflow.schedule import schedule_of
from adapters.airflow.site import Site
from adapters.airflow.wire import Dag, DagDetails, Dags, DagVersions, Tasks
from adapters.base.parts import Look
from hub.model import EntityName, Observation, ScheduleObserved
from hub.ports import Json

#: Dags described per look; each costs two requests.
DESCRIBED: Final = 20


def look(site: Site, state: Json) -> Look:
    """One page of the list.

    state: `offset` of the page; `seen` and `now`, checksums of the rows of the last round and of
    this one; `version`, the newest Dag version seen; `stale`, Dags with a new one; `ill`, Dags that
    were told DEGRADED, and `met`, those of them that this round found.
    """
    state = dict(state) if state.get("offset") or state.get("now") else _begin(site, dict(state))
    page = _page(site, state.get("offset", 0))
    known, now = unpack(state.get("seen", "")), unpack(state.get("now", ""))
    stale = set(state.get("stale", []))
    changed = [dag for dag in page.dags if checksum(dag) not in known | now or dag.dag_id in stale]
    described, later = changed[:DESCRIBED], {dag.dag_id for dag in changed[DESCRIBED:]}
    found, seen = _describe_all(site, described)
    done = [dag for dag in page.dags if dag.dag_id not in later]
    ids = {dag.dag_id for dag in done}
    first = "seen" not in state
    state["ill"], ill = dag_health.of_dags(site, described, state.get("ill", []), first=first)
    state["met"] = sorted(set(state.get("met", [])) | (ids & set(state["ill"])))
    state["stale"] = sorted(stale - ids)
    state["now"] = pack(now | {checksum(dag) for dag in done})
    return _step(site, state, page, found, [*seen, *ill], again=bool(later))


def _page(site: Site, offset: int) -> Dags:
    hidden = {"only_active": False} if site.api.is_old else {"exclude_stale": False}
    params = {"order_by": "dag_id", "limit": ROWS, "offset": offset, **hidden}
    return site.api.get("/dags", Dags, params)


def _step(
    site: Site,
    state: Json,
    page: Dags,
    found: Sequence[Json],
    seen: Sequence[Observation],
    *,
    again: bool,
) -> Look:
    """On to the next page, the same one again, or the end of the round.

    The first round is read at once; of the later ones a page per poll, unless there is much news.
    """
    offset = state.get("offset", 0) + (0 if again else len(page.dags))
    if again or (page.dags and offset < page.total_entries):
        progress = f"{offset:,} of {page.total_entries:,} Dags"
        more = again or "seen" not in state
        state = {**state, "offset": offset}
        return Look(found, seen, state, more=more, soon=not more, progress=progress if more else "")
    gone = set(state["ill"]) - set(state["met"])
    ended = {"offset": 0, "seen": state["now"], "now": "", "ill": state["met"], "met": []}
    return Look(found, [*seen, *dag_health.deleted(site, gone)], {**state, **ended})


def _begin(site: Site, state: Json) -> Json:
    """A new round: which Dags have a new version since the last one?"""
    if site.api.is_old:
        return state
    params = {"order_by": "-id", "limit": ROWS}
    versions = site.api.get("/dags/~/dagVersions", DagVersions, params).dag_versions
    last = state.get("version", "")
    fresh = {one.dag_id for one in versions if one.id > last} if last else set()
    state["stale"] = sorted(fresh | set(state.get("stale", [])))
    state["version"] = max([last, *(one.id for one in versions)])
    return state


def _describe_all(site: Site, dags: Sequence[Dag]) -> tuple[list[Json], list[Observation]]:
    found, seen = list[Json](), list[Observation]()
    for dag in dags:
        if dag.gone:
            continue  # what it was stays as it was told
        path = f"/dags/{seg(dag.dag_id)}"
        details = site.api.find(f"{path}/details", DagDetails)
        tasks = site.api.find(f"{path}/tasks", Tasks)
        if details is None or tasks is None:
            continue  # deleted meanwhile
        found += _jobs(site, dag, details, tasks)
        if schedule := schedule_of(dag, details):
            job = EntityName(site.namespace, dag.dag_id)
            seen.append(ScheduleObserved(job, schedule, site.as_of))
    return found, seen


def _jobs(site: Site, dag: Dag, details: DagDetails, tasks: Tasks) -> list[Json]:
    """The Dag and its tasks. Their time is that of the parse which brought what is told."""
    at = details.last_parsed or site.as_of
    tags = [tag.name for tag in dag.tags or []]
    facets = job_facets("DAG", dag.owners, tags, dag.description or details.doc_md)
    found = [events.job_event(EntityName(site.namespace, dag.dag_id), at, facets)]
    for task in tasks.tasks:
        # as the provider has it: a task without an owner of its own belongs to the Dag's
        owners = [task.owner] if task.owner and task.owner != "airflow" else dag.owners
        name = EntityName(site.namespace, f"{dag.dag_id}.{task.task_id}")
        facets = job_facets("TASK", owners, tags, task.doc_md)
        found.append(events.job_event(name, at, facets))
    return found


def job_facets(
    kind: str, owners: Sequence[str], tags: Sequence[str], documentation: str | None
) -> Json:
    """As the provider tells them: a tag's key is its value."""
    told = {"processingType": "BATCH", "integration": "AIRFLOW", "jobType": kind}
    facets = {"jobType": _facet("2-0-3/JobTypeJobFacet", **told)}
    if owners:
        named = [{"name": owner} for owner in owners]
        facets["ownership"] = _facet("1-0-1/OwnershipJobFacet", owners=named)
    if tags:
        words = [{"key": tag, "value": tag, "source": "AIRFLOW"} for tag in tags]
        facets["tags"] = _facet("1-0-0/TagsJobFacet", tags=words)
    if documentation:
        text = {"description": documentation}
        facets["documentation"] = _facet("1-1-0/DocumentationJobFacet", **text)
    return facets


def _facet(schema: str, **told: object) -> Json:
    return events.facet(f"{schema}.json#/$defs/{schema.partition('/')[2]}", **told)
